"""One bus a module; none imports another."""
