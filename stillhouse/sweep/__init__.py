"""Looks for texts in the bytes of files. Light: its child process loads nothing else of the house."""
