"""Rollouts in Prometheus' terms: decisions by cause, states, evidence, and notices that wait. Decides nothing."""

from __future__ import annotations

from gateway.metrics import Counter
from stillhouse.settings import convert
from stillhouse.views.evidence import evidence
from stillhouse.views.stores import Stores

_PLACE = ("task", "version")


def metrics(stores: Stores) -> list[Counter]:
    """Give them as they are now."""
    return [_decisions(stores), *_live(stores), *_notices(stores)]


def _decisions(stores: Stores) -> Counter:
    metric = Counter(
        name="stillhouse_transitions_total",
        text="Decisions about rollouts.",
        labels=("task", "target", "cause"),
    )
    for row in stores.control.decided():
        metric.put(float(row.times), row.task_id, str(row.target), row.cause)
    return metric


def _live(stores: Stores) -> list[Counter]:
    state = _gauge(
        "stillhouse_rollout_state", "1 for the state that a live rollout is in.", (*_PLACE, "state")
    )
    held = _gauge("stillhouse_rollout_held", "1 for each cause that holds a rollout.", (*_PLACE, "cause"))
    wealth = _gauge(
        "stillhouse_evidence_log_wealth", "Natural logarithm of the wealth that promotes a student.", _PLACE
    )
    needed = _gauge("stillhouse_evidence_log_threshold", "What that wealth must reach.", _PLACE)
    lower = _gauge(
        "stillhouse_evidence_lower_bound",
        "Of the student's score less the teacher's, valid at any time.",
        _PLACE,
    )
    for rollout in stores.control.rollouts(live=True):
        place = (rollout.task_id, str(rollout.task_version))
        state.put(1.0, *place, str(rollout.state))
        for cause in rollout.held_for:
            held.put(1.0, *place, cause)
        policy = convert.rollout_policy(stores.settings, stores.control.task(rollout.task_id))
        if (seen := evidence(rollout, policy)) is None:
            continue
        for metric, name in ((wealth, "log_wealth"), (needed, "log_threshold"), (lower, "lower")):
            if seen[name] is not None:
                metric.put(float(seen[name]), *place)
    return [state, held, wealth, needed, lower]


def _notices(stores: Stores) -> list[Counter]:
    waiting = _gauge(
        "stillhouse_notices_waiting", "Rows of the outbox that a channel has not got.", ("channel",)
    )
    dropped = Counter(
        name="stillhouse_notices_dropped_total", text="Notices that a channel never got.", labels=("channel",)
    )
    for reader in stores.control.outbox_readers():
        waiting.put(float(stores.control.outbox_waiting(reader.position)), reader.name)
        dropped.put(float(reader.dropped), reader.name)
    return [waiting, dropped]


def _gauge(name: str, text: str, labels: tuple[str, ...]) -> Counter:
    return Counter(name=name, text=text, labels=labels, kind="gauge")
