"""Measurements of Stillhouse by itself. Each module has a `main(argv) -> dict` whose result is kept as JSON."""
