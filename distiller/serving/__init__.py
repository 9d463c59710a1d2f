"""Serving a student on this machine and checking it against its trainer. Knows no log and no routes."""
