"""Recording inside the transactions of other libraries, and answering through their types."""
