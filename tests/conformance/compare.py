"""Whether two runs of one program are the same: what its app saw, and what its provider received. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from .mock import Seen

# What HTTP itself or its next hop decides (docs/gateway.md, "Headers").
HOP = frozenset(
    ["accept-encoding", "connection", "content-length", "host", "keep-alive", "transfer-encoding"]
)
_RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SHOWN = 300  # characters of a difference


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: by scenario what the app saw, and the provider's side of all of it."""

    saw: dict[str, Any]
    asked: tuple[Seen, ...]
    hung_up: int = 0  # requests that the app left before their answer was sent


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where two runs part."""

    where: str
    direct: str
    through: str


def differences(direct: Run, through: Run) -> list[Difference]:
    """Give every scenario that differs, and the first request that does."""
    found = []
    for name in {**direct.saw, **through.saw}:
        one, two = (run.saw.get(name, "nothing") for run in (direct, through))
        if one != two:
            found.append(_between(name, one, two))
    sides = [[_request(seen) for seen in run.asked] for run in (direct, through)]
    for number in range(max(map(len, sides))):
        one, two = (side[number] if number < len(side) else "no request" for side in sides)
        if one != two:
            found.append(_between(f"request {number + 1}", one, two))
            break
    if direct.hung_up != through.hung_up:
        found.append(_between("apps that hung up", direct.hung_up, through.hung_up))
    return found


def failures(run: Run) -> list[str]:
    """Give the scenarios that ended in an error though none was asked for: they prove nothing."""
    return [name for name, saw in run.saw.items() if failed(saw) and "error" not in name]


def failed(saw: Any) -> bool:
    """Tell whether a scenario ended in an error."""
    return isinstance(saw, dict) and {"error", "message", "status"} <= saw.keys()


def _request(seen: Seen) -> dict[str, Any]:
    headers = {name: _RANDOM.sub("*", value) for name, value in seen.headers if _kept(name)}
    path = seen.target.removeprefix("/v1")
    body = hashlib.sha256(seen.body).hexdigest()
    return {"method": seen.method, "path": path, "headers": headers, "body": body, "bytes": len(seen.body)}


def _kept(name: str) -> bool:
    return name not in HOP and not name.startswith("sec-")


def _between(where: str, one: Any, two: Any) -> Difference:
    texts = [json.dumps(side, ensure_ascii=False, sort_keys=True) for side in (one, two)]
    at = next((i for i, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    start = max(0, at - 40)
    direct, through = (text[start : start + _SHOWN] for text in texts)
    return Difference(where=where, direct=direct, through=through)
