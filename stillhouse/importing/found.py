"""What a reader finds in a record of another program. Knows no format and no noun of ours but the wire's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]


class Unreadable(Exception):  # noqa: N818 - an answer about one record, not a fault
    """A record that is left out; the text says why, the same for all of its kind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What somebody said about an answer."""

    name: str  # of the score, as its source has it
    ts: float | None = None  # Unix seconds
    score: float | None = None  # in [0, 1]; None where the source's value lies elsewhere
    comment: str | None = None
    correction: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One request with its answer."""

    request: Object = field(repr=False)  # in the surface's own words
    answer: Object = field(repr=False)  # the surface's own whole object
    surface: str = "chat"
    record: str = ""  # the record's own id, "" where it has none
    ts: float | None = None  # when it was asked, Unix seconds
    sent: str | None = None  # the model that was asked in the end, where the request has another name for it
    user: str | None = None
    conversation: str | None = None
    task: str | None = None  # an explicit name
    duration_ms: float = 0.0
    first_byte_ms: float | None = None
    said: tuple[Said, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """A record that was left out."""

    place: str  # file and line
    why: str
