"""What a student's whole answer is worth, and whether it may go out: how sure it is, and what it says. Pure; knows no connection.

Its log-probabilities are asked for where a calibration says what they are worth, and taken out again where the
app did not ask for them itself.
"""

from __future__ import annotations

from typing import Any

from gateway import disguise
from gateway.attempt import Exchange
from gateway.calls import Job
from gateway.slicing import label
from store.confidence import confidence, told
from store.vocabulary import LABEL, Route


def weighed(exchange: Exchange, job: Job, route: Route, completion: dict[str, Any]) -> dict[str, Any]:
    """Note how sure the answer is and which slice it is of; give it as it may be shown and kept."""
    if LABEL in route.slicers:
        exchange.label = label(completion)
    exchange.confidence = confidence(told(completion), route.calibration)
    if route.calibration is None or job.asked.request.get("logprobs"):
        return completion
    exchange.keep(disguise.silent(exchange.body(), streamed=exchange.streamed))
    return disguise.silenced(completion)


def unsure(exchange: Exchange, route: Route) -> str | None:
    """Say why an answer is the teacher's to give, or None. One of which nothing is known is not sure."""
    if exchange.label is not None and (why := _kept(f"{LABEL}:{exchange.label}", route)) is not None:
        return why
    if route.threshold is None:
        return None
    if exchange.confidence is None:
        return f"The student did not say how sure it is; {route.threshold:.3f} is needed."
    if exchange.confidence < route.threshold:
        return f"The student is sure to {exchange.confidence:.3f}; {route.threshold:.3f} is needed."
    return None


def _kept(name: str, route: Route) -> str | None:
    if name in route.excluded:
        return f"The teacher keeps {name}."
    if name in route.unproven:
        return f"The teacher keeps {name} until enough of it was compared."
    return None
