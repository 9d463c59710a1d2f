"""A cutover played before it is dared: made-up pairs, the router's own evidence and policy. Knows no store."""
