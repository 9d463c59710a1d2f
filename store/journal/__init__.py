"""The journal: append-only segments of framed records. Knows no database and no meaning of a record."""
