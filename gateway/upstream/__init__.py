"""How bytes reach an upstream and come back. Knows no wire format, no task and no record."""
