"""Who inside the house may call an upstream, and for how much. Knows no HTTP and no key of an upstream."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

DAY_S = 86_400.0
JUDGE = "judge"  # name of the grant of all judges


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """A budget. `usd` and `calls` are for one day where `daily`, else for its life."""

    name: str  # job id, or what it is for
    usd: float
    calls: int
    daily: bool = False
    spent_usd: float = 0.0
    spent_calls: int = 0
    since: float = 0.0  # start of the day that was spent on
    barred: str | None = None  # which budget beside its own is used up

    @property
    def exhausted(self) -> str | None:
        """Say which budget is used up, if any."""
        if self.barred is not None:
            return self.barred
        if self.spent_usd >= self.usd:
            return f"{self.name} has spent its {self.usd:g} dollars"
        if self.spent_calls >= self.calls:
            return f"{self.name} has made its {self.calls} calls"
        return None


class Grants:
    """Tokens and their budgets, in memory: they end with this process. Thread-safe.

    `usd_per_day` is for all of them together, by the day in UTC; `spent_usd` of it were spent today before.
    """

    def __init__(
        self, clock: Callable[[], float], *, usd_per_day: float | None = None, spent_usd: float = 0.0
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards: what is spent is counted once
        self._grants: dict[bytes, Grant] = {}
        self._usd_per_day = usd_per_day
        self._spent_usd = spent_usd
        self._day = clock() // DAY_S

    def issue(self, name: str, *, usd: float, calls: int, daily: bool = False) -> str:
        """Give a new token with a budget."""
        token = f"shi-{secrets.token_urlsafe(32)}"
        with self._lock:
            self._grants[_digest(token)] = Grant(
                name=name, usd=usd, calls=calls, daily=daily, since=self._clock()
            )
        return token

    def revoke(self, token: str) -> Grant | None:
        """Forget a token; give its grant as it ended, None for an unknown one."""
        with self._lock:
            return self._grants.pop(_digest(token), None)

    def begin(self, token: str) -> Grant | None:
        """Count one call and give the grant as it was before; None for an unknown token.

        The call may be made only when nothing of it is exhausted.
        """
        with self._lock:
            key = _digest(token)
            grant = self._grants.get(key)
            if grant is None:
                return None
            if grant.daily and self._clock() - grant.since >= DAY_S:
                grant = replace(grant, spent_usd=0.0, spent_calls=0, since=self._clock())
            if self._usd_per_day is not None and self._spent_today() >= self._usd_per_day:
                return replace(
                    grant, barred=f"all together have spent the {self._usd_per_day:g} dollars of today"
                )
            if grant.exhausted is None:
                self._grants[key] = replace(grant, spent_calls=grant.spent_calls + 1)
            return grant

    def spend(self, token: str, usd: float) -> None:
        """Count what a call has cost."""
        with self._lock:
            key = _digest(token)
            if (grant := self._grants.get(key)) is not None:
                self._grants[key] = replace(grant, spent_usd=grant.spent_usd + usd)
            self._spent_usd = self._spent_today() + usd

    def _spent_today(self) -> float:
        if (today := self._clock() // DAY_S) != self._day:
            self._day, self._spent_usd = today, 0.0
        return self._spent_usd


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
