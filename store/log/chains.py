"""Finds what was said before a request that goes on from an earlier answer. Knows no SQL and no wire format.

The upstream keeps what was said, and the log has it too: each link is the call whose served answer has that id,
of the same tenant and surface. All requests are looked up together, link by link.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from store.log.database import Database, Row
from store.log.rows import parsed, request_of
from store.trace import Object, Trace, Untold, told

_LONGEST = 50  # links


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request, by whom and where; `previous` is the id of the answer that it goes on from, None for none."""

    tenant: str
    surface: str
    request: Object = field(repr=False)
    previous: str | None

    @classmethod
    def of(cls, row: Row, trace: Trace) -> Asked:
        """Read the columns of a call. Raises Untold."""
        surface, request = row["surface"], request_of(row)
        previous = told(trace.previous, surface, request)
        return cls(tenant=row["tenant"], surface=surface, request=request, previous=previous)

    @property
    def link(self) -> tuple[str, str, str] | None:
        """What names the answer that it goes on from."""
        return None if self.previous is None else (self.tenant, self.surface, self.previous)


@dataclass(frozen=True, kw_only=True, slots=True)
class Earlier:
    """A call that was answered, and what with."""

    call_id: str
    unit: str
    asked: Asked
    answer: Object = field(repr=False)


class Chains:
    """What was said before some requests."""

    def __init__(self, database: Database, trace: Trace) -> None:
        self._database = database
        self._trace = trace
        self._known: dict[tuple[str, str, str], Earlier | None] = {}

    def find(self, requests: Iterable[Asked]) -> None:
        """Look up what these requests go on from, as far as it goes."""
        wanted = {asked.link for asked in requests}
        for _ in range(_LONGEST):
            missing = {link for link in wanted if link is not None and link not in self._known}
            if not missing:
                return
            ids = sorted({completion_id for _, _, completion_id in missing})
            found = dict(map(self._read, self._database.read("learning.earlier", wanted=ids)))
            self._known |= {link: found.get(link) for link in missing}
            wanted = {earlier.asked.link for link in missing if (earlier := found.get(link)) is not None}

    def before(self, asked: Asked) -> tuple[Earlier, ...]:
        """Return what was said before a request, oldest first. Raises Untold where a link is missing."""
        chain: list[Earlier] = []
        while (link := asked.link) is not None:
            earlier = self._known.get(link)
            if earlier is None or len(chain) == _LONGEST:
                raise Untold("earlier_unknown")
            chain.append(earlier)
            asked = earlier.asked
        return tuple(reversed(chain))

    def _read(self, row: Row) -> tuple[tuple[str, str, str], Earlier | None]:
        link = (row["tenant"], row["surface"], row["completion_id"])
        answer = parsed(row["answer"])
        try:
            asked = Asked.of(row, self._trace)
        except Untold:
            return link, None
        earlier = Earlier(call_id=row["call_id"], unit=row["unit"], asked=asked, answer=answer or {})
        return link, earlier
