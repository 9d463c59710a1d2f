"""Which decisions are worth a notice, and what it says: pure. Knows no channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from router.decision import Cause
from router.steps import LADDER
from store.control import Announced
from store.vocabulary import State

KINDS = ("promotion", "hold", "rollback", "drift", "refusal", "slice")

_CHANGED = frozenset({Cause.DRIFT, Cause.TEACHER_CHANGED, Cause.JUDGE_CHANGED})
_STAYING: Mapping[str, str | None] = MappingProxyType(
    {
        "slice_excluded": "slice",
        "excluded": "slice",
        "included": "slice",
        "loosened": "promotion",
        "waived": None,
    }
)
"""Kinds of decisions that take no step, by cause; None: nobody is told."""

_RAMP = frozenset({*LADDER[1:], State.AWAITING_APPROVAL})
_TITLES = {
    "promotion": "{task}: the student goes on to {target}",
    "hold": "{task}: the rollout is held",
    "drift": "{task}: what it is asked, its teacher, or what scores it has changed",
    "rollback": "{task}: the student is taken off",
    "refusal": "{task}: the student is refused",
    "slice": "{task}: the teacher keeps a slice of the calls",
}
_OTHERWISE = {
    "included": "{task}: a slice of the calls is taken back in",
    "loosened": "{task}: the student answers more of what it is sure of",
}
"""Titles of some causes, in place of their kind's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """One thing that people are told. `notice_id` is the same however often it is delivered."""

    notice_id: str
    ts: float  # Unix seconds, of the decision
    kind: str  # one of KINDS
    task_id: str
    rollout_id: str
    source: str  # State
    target: str  # State
    cause: str
    title: str  # one line
    text: str  # the decision's own sentence, with its figures
    share: float  # the student's, in [0, 1], from now on
    actor: str

    def to_json(self) -> dict[str, Any]:
        """Give the notice as JSON."""
        return asdict(self)


def notice_of(row: Announced) -> Notice | None:
    """Give what is to be told of a row of the outbox, or None."""
    told = row.payload
    kind = _kind(State(told["source"]), State(told["target"]), told["cause"])
    if kind is None:
        return None
    title = _OTHERWISE.get(told["cause"], _TITLES[kind]).format(task=told["task_id"], target=told["target"])
    if kind == "hold" and told["target"] != State.HOLD:
        title = f"{told['task_id']}: the rollout goes on at {told['target']}"
    if told["target"] == State.AWAITING_APPROVAL and kind == "promotion":
        title = f"{told['task_id']}: the student waits for your approval"
    kept = ("task_id", "rollout_id", "source", "target", "cause", "share", "actor")
    return Notice(
        notice_id=row.ref,
        ts=row.ts,
        kind=kind,
        title=" ".join(title.split()),
        text=told["why"],
        **{name: told[name] for name in kept},
    )


def _kind(source: State, target: State, cause: str) -> str | None:
    if cause in _STAYING:
        return _STAYING[cause]
    if target == State.HOLD:
        return "drift" if cause in _CHANGED else "hold"
    if source == State.HOLD and target in LADDER:
        return "hold"
    if target in {State.REJECTED, State.INCONCLUSIVE}:
        return "refusal"
    if target == State.ROLLING_BACK:
        return "rollback"
    return "promotion" if target in _RAMP else None
