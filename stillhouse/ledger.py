"""What was forwarded, held against what is written down. Pure; knows no file, no process and no log.

    1. a process:          sent + unsent = attempts kept + attempts lost + in flight
    2. a writer:           asked = kept + lost, of each kind
    3. a closed writer:    kept = loaded + set aside

A process says its part in one moment of its event loop, so 1 and 2 hold at any time. A tally stands behind
what it counts, so of 3 one side holds at any time, too: never is less loaded than the last tally that was
loaded says; more is, of a writer that lives or was killed before it could close.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from stillhouse.processes.alive import Figures, WorkerState
from store.backlog import Backlog
from store.journal.counts import KINDS, Counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What the log knows of one writer instance."""

    writer: str
    kept: Counts  # by its last tally
    lost: Counts
    loaded: Counts
    aside: int  # frames set aside and stretches of damage


@dataclass(frozen=True, kw_only=True, slots=True)
class Unaccounted:
    """Records, or exchanges, of which nobody knows what became."""

    writer: str
    records: int
    text: str  # one sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """The accounts of the house at one moment."""

    ts: float  # Unix seconds
    sent: int = 0  # exchanges, by the processes that live
    in_flight: int = 0
    unsynced: int = 0  # bytes that wait for a disk
    kept: Counts = field(default_factory=Counts)  # by all writers that the log remembers, and those that live
    lost: Counts = field(default_factory=Counts)
    loaded: Counts = field(default_factory=Counts)
    aside: int = 0
    backlog: Backlog = field(default_factory=Backlog)
    unaccounted: tuple[Unaccounted, ...] = ()


def draw_up(ts: float, living: Iterable[WorkerState], written: Iterable[Written], backlog: Backlog) -> Ledger:
    """Sum up and check the three equations.

    What a process says is up to a second old, a tally may be older: what is loaded was kept all the same.
    """
    living, known = list(living), list(written)
    said = [state.figures for state in living]
    mine = {figures.writer: figures for figures in said}
    gone = [one for one in known if one.writer not in mine]
    fresh = [figures.kept for figures in said if figures.writer not in {one.writer for one in known}]
    return Ledger(
        ts=ts,
        sent=sum(figures.sent for figures in said),
        in_flight=sum(figures.in_flight for figures in said),
        unsynced=sum(figures.unsynced for figures in said),
        kept=_sum(fresh + [_kept(one, mine.get(one.writer)) for one in known]),
        lost=_sum([figures.lost for figures in said] + [one.lost for one in gone]),
        loaded=_sum([one.loaded for one in known]),
        aside=sum(one.aside for one in known),
        backlog=backlog,
        unaccounted=tuple(found for state in living for found in (_exchanges(state), _asked(state)) if found)
        + tuple(found for one in known if (found := _loaded(one)) is not None),
    )


def losses(living: Iterable[WorkerState], written: Iterable[Written]) -> dict[str, int]:
    """Give the calls and attempts that each writer answered and did not keep, by its own word or its last tally."""
    said = {one.writer: one.lost for one in written}
    said |= {state.figures.writer: state.figures.lost for state in living}
    return {writer: lost.calls + lost.attempts for writer, lost in said.items()}


def _exchanges(state: WorkerState) -> Unaccounted | None:
    """Check the first equation."""
    seen = state.figures
    off = seen.sent + seen.unsent - seen.kept.attempts - seen.lost.attempts - seen.in_flight
    what = f"exchanges that {state.name} sent ended without an outcome that was kept or counted as lost"
    more = f"outcomes of {state.name} belong to no exchange that it sent"
    return _off(seen.writer or state.name, off, what if off > 0 else more)


def _asked(state: WorkerState) -> Unaccounted | None:
    """Check the second equation."""
    seen = state.figures
    off = max((_of(seen.asked, k) - _of(seen.kept, k) - _of(seen.lost, k) for k in KINDS), key=abs)
    what = f"records that {state.name} gave its journal were neither kept nor counted as lost"
    more = f"records more than {state.name} gave its journal were kept or counted as lost"
    return _off(seen.writer or state.name, off, what if off > 0 else more)


def _loaded(one: Written) -> Unaccounted | None:
    """Check the third equation."""
    missing = sum(max(0, _of(one.kept, kind) - _of(one.loaded, kind)) for kind in KINDS) - one.aside
    what = f"records that the writer {one.writer} kept are neither in the log nor set aside"
    return _off(one.writer, max(0, missing), what)


def _kept(one: Written, said: Figures | None) -> Counts:
    counts = [one.kept, one.loaded, *([said.kept] if said is not None else [])]
    return Counts(*(max(_of(count, kind) for count in counts) for kind in KINDS))


def _off(writer: str, off: int, text: str) -> Unaccounted | None:
    return Unaccounted(writer=writer, records=abs(off), text=f"{abs(off):,} {text}.") if off else None


def _of(counts: Counts, kind: str) -> int:
    count: int = getattr(counts, kind)
    return count


def _sum(counts: list[Counts]) -> Counts:
    return Counts(*(sum(_of(one, kind) for one in counts) for kind in KINDS))
