"""Answers read for the log: what a streamed answer would have said unstreamed. Pure; knows no record."""

from gateway.capture.reading import read_answer

__all__ = ["read_answer"]
