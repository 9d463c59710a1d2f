"""Hours of the day. Pure: knows no job."""

from __future__ import annotations

import re
from datetime import datetime, time

_HOURS = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


def hours(text: str) -> tuple[time, time] | None:
    """Read hours such as `08:00-18:30`, in local time; "" is none. Raises ValueError."""
    if not text.strip():
        return None
    match = _HOURS.fullmatch(text.strip())
    told = [int(part) for part in match.groups()] if match else [24, 60, 24, 60]
    if max(told[0], told[2]) > 23 or max(told[1], told[3]) > 59:  # noqa: PLR2004 - a clock
        raise ValueError(f"{text!r} are no hours; say them as 08:00-18:00")
    return time(told[0], told[1]), time(told[2], told[3])


def quiet(at: datetime, span: tuple[time, time] | None) -> bool:
    """Tell whether `at`, local time, lies in the hours [first, last); they may go over midnight."""
    if span is None:
        return False
    first, last = span
    now = at.time()
    return first <= now < last if first <= last else now >= first or now < last
