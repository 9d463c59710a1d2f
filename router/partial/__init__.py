"""Partial cutover: only the answers that a student is sure of go out. Pure; knows no store and no gateway."""
