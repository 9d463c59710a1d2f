"""Whether the store keeps what gateways forward: an outage of the disk, of the journal or of the ingester. Knows no pair.

Records that are lost, or come minutes late, are not lost or late at random: what an overloaded machine drops is what it was
asked most of. So what is drawn meanwhile counts nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from router.decision import Cause, Finding
from router.looking import Looking
from router.settings import RolloutPolicy
from router.steps import CONSUMING
from store.vocabulary import Rollout

LAG_S = 120.0
"""A record that is longer on its way to the log than this is an outage."""

QUIET_S = 60.0
"""Of looking, without a lag or a further loss: then it is over."""


class Books(NamedTuple):
    """How the house's ledger stands."""

    lag_s: float  # age of the oldest record that is not in the log
    lost: Mapping[str, int]  # records that were answered and not kept so far, by writer


@dataclass(frozen=True, slots=True)
class Stored:
    """What was seen of the books. Times are seconds of looking.

    A writer that dies is not spoken of until the log knows its last word: what it had lost before is not lost again.
    """

    lost: Mapping[str, int] | None = None  # the most that was said of each writer; None: nobody looked yet
    lag_s: float = 0.0
    more: int = 0  # lost since the outage began
    bad_at: float | None = None  # the last look that found it


def seen(before: Stored, books: Books, now: float) -> Stored:
    """Give what is known after a look. What was lost before the first look is no outage of now."""
    known = before.lost
    newly = 0 if known is None else sum(max(0, n - known.get(name, 0)) for name, n in books.lost.items())
    bad = books.lag_s > LAG_S or newly > 0
    goes_on = outage(before, now) is not None
    return Stored(
        lost={
            name: max(n, (known or {}).get(name, 0)) for name, n in {**(known or {}), **books.lost}.items()
        },
        lag_s=books.lag_s,
        more=newly + (before.more if goes_on else 0),
        bad_at=now if bad else before.bad_at,
    )


def outage(known: Stored, now: float) -> Finding | None:
    """Give what stands against every comparison now, or None."""
    if known.bad_at is None or now - known.bad_at >= QUIET_S:
        return None
    return Finding(
        cause=Cause.STORE_OUTAGE,
        why=(
            f"The store does not keep up: {known.more} records were lost, the oldest one waits for {known.lag_s:.0f} s. "
            "What is drawn meanwhile counts nowhere."
        ),
        figures={"lost": known.more, "lag_s": known.lag_s},
        void="interval",
    )


class StoreWatch:
    """Finds outages of the store. `books` gives how it stands, or None while nobody knows.

    Where nobody asked for a while, because there was no rollout, what was lost meanwhile is none of the next one's.
    """

    def __init__(self, books: Callable[[], Books | None], clock: Callable[[], float]) -> None:
        self._books = books
        self._clock = clock
        self._looking = Looking()
        self._known = Stored()
        self._asked: float | None = None  # by the clock

    def __call__(self, rollout: Rollout, _policy: RolloutPolicy) -> list[Finding]:
        """Give what stands against a rollout now."""
        clock = self._clock()
        if self._asked is None or not 0.0 <= clock - self._asked < QUIET_S:
            self._known = Stored()
        self._asked, now = clock, self._looking.look(clock)
        if (books := self._books()) is not None:
            self._known = seen(self._known, books, now)
        found = outage(self._known, now)
        return [found] if found is not None and rollout.state in CONSUMING else []
