"""Where a request's path leads: what of the API it names, below which prefix. Pure; knows no upstream.

The API's root is `/`, `/v1`, `/openai` or `/openai/v1`, and below each of them Azure's `/deployments/{name}`, so
that an app's base URL may be any of these. Slashes may be doubled, and may trail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

# Without a prefix only what OpenAI's API has: a stray /favicon.ico is not sent to the provider.
_NAMES = frozenset(
    {
        "assistants",
        "audio",
        "batches",
        "chat",
        "completions",
        "containers",
        "conversations",
        "embeddings",
        "evals",
        "files",
        "fine_tuning",
        "images",
        "messages",
        "models",
        "moderations",
        "realtime",
        "responses",
        "threads",
        "uploads",
        "vector_stores",
        "videos",
    }
)
_OF_DEPLOYMENTS = _NAMES | {"extensions"}
_SEGMENT = re.compile(r"/+[^/]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """What a path names."""

    below: str  # the path below the API's root, decoded, in single slashes: what is decided by
    raw: str  # the same as it came: what is forwarded
    of_api: bool  # False: nothing says that the provider's API is meant
    deployment: str = ""  # what Azure's paths name a model by


def read(target: str) -> Address:
    """Read the exact path of a request, with or without its query."""
    return _read(target.partition("?")[0])


@lru_cache(maxsize=1024)
def _read(path: str) -> Address:
    found = [(unquote(match[0].strip("/")), match.end()) for match in _SEGMENT.finditer(path)]
    names = [name for name, _ in found]
    root = int(names[:1] == ["openai"])
    while names[root : root + 1] == ["v1"]:
        root += 1
    first, deployment = root, ""
    if names[root : root + 1] == ["deployments"] and len(names) > root + 2:
        first = _end_of_deployment(names, root + 2)
        deployment = "/".join(names[root + 1 : first])
    return Address(
        below="/" + "/".join(names[first:]),
        raw=path[found[first - 1][1] :] if first else path,
        of_api=root > 0 or bool(deployment) or bool(_NAMES & set(names[:1])),
        deployment=deployment,
    )


def _end_of_deployment(names: list[str], at: int) -> int:
    """Give where the API's path goes on. The real client does not escape the slash in `org/model`."""
    return next((i for i in range(at, len(names)) if names[i] in _OF_DEPLOYMENTS), at)


def query_for(target: str, *, azure: bool) -> str:
    """Give the query as it goes on: only Azure's servers know `api-version`, and a model as `deployment`."""
    query = target.partition("?")[2]
    parts = query.split("&")
    kept = [part for part in parts if part.partition("=")[0].lower() != "api-version"]
    if not azure and len(kept) < len(parts):
        query = "&".join(re.sub("^deployment=", "model=", part) for part in kept)
    return query
