"""What the gateway asks of the rest of the house. Knows none of those who fulfil it.

`stillhouse` joins these with the router's feed, the store's journal and the control state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.upstream.port import Incoming, Outgoing, Transport
from store.template import Templates
from store.vocabulary import Attempt, Call, Choice, Feedback, Route

__all__ = ["Chooser", "Health", "Incoming", "Journal", "Outgoing", "Readiness", "Transport"]


class Chooser(Protocol):
    """What kind of call it is, and who answers. In memory, total, the teacher by default."""

    @property
    def templates(self) -> Templates:
        """The published templates of prompts. Never raises."""

    def route(self, fingerprint: str) -> Route | None:
        """Give the published route of a fingerprint, or None. Never raises."""

    def choose(
        self, *, fingerprint: str, unit: str, call_id: str, barred: str | None, slices: tuple[str, ...] = ()
    ) -> Choice:
        """Decide who answers this call. `barred` says why a student may not, if so. Never raises.

        `slices` are those of the dimensions that the route names.
        """

    def saw(self, attempt: Attempt) -> None:
        """Learn how an attempt ended. Never raises."""


class Journal(Protocol):
    """Where records go before bytes do."""

    def append(self, record: Call | Attempt | Feedback) -> bool:
        """Write the record before returning. False: counted as lost. Raises `store.errors.JournalFull`."""

    @property
    def waits(self) -> bool:
        """Whether `synced` may wait or refuse at all."""

    async def synced(self) -> bool:
        """Wait until every record is as safe as the owner wants it before an answer ends; mostly, not at all.

        False: it is not, and the answer ends all the same. Raises `store.errors.JournalFull` where it must not.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Readiness:
    """Whether this worker should get traffic; `detail` is shown as JSON by /readyz."""

    ready: bool = True
    detail: dict[str, Any] = field(default_factory=dict)


class Health(Protocol):
    """What the composition root knows about this worker's surroundings."""

    def readiness(self) -> Readiness:
        """Tell of journal and route table (`detail` may say `{"routes": "stale"}` and still be ready)."""
