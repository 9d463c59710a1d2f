"""The data plane: one request in, one answer out, one record kept. Knows no DuckDB, DSPy or torch."""
