"""One file per claim about speed or memory, each against a named rival; ``python -m benchmarks`` prints them as a table."""
