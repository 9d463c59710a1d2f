"""The headers that a teacher gives a caller with every answer, for the answers that a student gives in its place.

Apps pace themselves by `x-ratelimit-*`. A student's answer uses nothing up: it repeats what the teacher last
said to the same caller, and once that is a window old, that nothing is used up.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field

from gateway.upstream.port import Headers

_WINDOW_S = 60.0  # in which providers count requests and tokens
_KEPT = re.compile(
    rb"(?:x-ratelimit|anthropic-ratelimit)-.+|openai-(?:organization|project|version)|anthropic-organization-id"
)
_REMAINING = re.compile(rb"^(.+)-remaining(-?.*)$")

Key = tuple[bytes, str, str]  # caller's identity, upstream, model


@dataclass(slots=True)
class Manners:
    """Remembers the latest of each caller, of so many callers at most."""

    most: int = 10_000
    _said: OrderedDict[Key, tuple[float, Headers]] = field(default_factory=OrderedDict)

    def note(self, key: Key, headers: Headers, now: float) -> None:
        """Remember what an accepted answer said; `now` is monotonic seconds."""
        kept = tuple(pair for pair in headers if _KEPT.fullmatch(pair[0]))
        if kept:
            self._said[key] = (now, kept)
            self._said.move_to_end(key)
            if len(self._said) > self.most:
                self._said.popitem(last=False)

    def of(self, key: Key, now: float) -> Headers:
        """Give the headers for an answer to this caller."""
        at, headers = self._said.get(key, (now, ()))
        return (
            headers if now - at < _WINDOW_S else tuple(_fresh(name, text, headers) for name, text in headers)
        )


def _fresh(name: bytes, text: bytes, headers: Headers) -> tuple[bytes, bytes]:
    """Give what is left at the start of a window: all of the limit; OpenAI's resets are durations."""
    if name.startswith(b"x-ratelimit-reset-"):
        return name, b"0s"
    found = _REMAINING.match(name)
    limit = found.group(1) + b"-limit" + found.group(2) if found else name
    return name, dict(headers).get(limit, text)
