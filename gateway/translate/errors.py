"""The one error of a translation."""

from __future__ import annotations


class Untranslatable(ValueError):  # noqa: N818 - it is a finding, not a failure
    """Something that the other wire format cannot say; `reason` is one snake_case word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
