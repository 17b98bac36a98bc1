"""Several nodes on PostgreSQL, over each bus: the measures C1 to C5."""
