"""A job's way to models: a grant for as long as it is open. Knows no job and no HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from distiller.recipes import Access
from stillhouse.grants import Grants
from stillhouse.settings import Settings
from stillhouse.settings.calls import LITELLM

CALLS = 2_000  # of one opening


class JobAccess:
    """Opens grants by name. What one name has spent stays spent, for as long as control lives."""

    def __init__(self, grants: Grants, url: str) -> None:
        self._grants = grants
        self._url = url
        self._spent: dict[str, float] = {}  # US dollars

    @contextmanager
    def __call__(self, name: str, usd: float) -> Iterator[Access]:
        """Give a token with what is left of `usd`; it is worth nothing afterwards."""
        spent = self._spent.get(name, 0.0)
        token = self._grants.issue(name, usd=max(0.0, usd - spent), calls=CALLS)
        try:
            yield Access(base_url=self._url, service_url=f"{self._url}/service", token=token)
        finally:
            ended = self._grants.revoke(token)
            self._spent[name] = spent + (ended.spent_usd if ended else 0.0)


def in_background(settings: Settings) -> bool:
    """Tell whether any upstream may be called for work that no app asked for: it has a key of its own."""
    return any(upstream.api_key or upstream.kind == LITELLM for upstream in settings.upstreams)
