"""What the apps of the fault suite ask, and what shall come of it. Knows no connection.

The last user message of a request is "<case> <plan>": the upstream does to it what the plan says.
"""

import itertools
import random
from dataclasses import dataclass
from enum import StrEnum

from store.vocabulary import Outcome

MODEL = "gpt-4o-mini"
HEAD = {"role": "system", "content": "Answer the case."}


class Plan(StrEnum):
    """What the upstream makes of a request."""

    WHOLE = "whole"
    SLOW = "slow"  # whole, with pauses
    LENGTH = "length"
    FILTERED = "filtered"
    CUT = "cut"  # the connection drops in the middle
    UNENDED = "unended"  # ends as if it were whole, and is not
    BUSY = "busy"  # 429
    BROKEN = "broken"  # 500
    FAILING = "failing"  # 200, and an error in it
    GARBAGE = "garbage"  # 200, and no JSON
    STALLED = "stalled"  # begins and never goes on
    SILENT = "silent"  # never begins


class Leaves(StrEnum):
    """When the app hangs up."""

    NEVER = "never"
    UNANSWERED = "unanswered"  # before the answer began
    MIDWAY = "midway"  # after its first piece
    ANYWHEN = "anywhen"  # after a random time


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing that an app wants to know."""

    name: str
    plan: Plan = Plan.WHOLE
    streamed: bool = False
    leaves: Leaves = Leaves.NEVER
    after_s: float = 0.0  # of ANYWHEN

    @property
    def body(self):
        usage = {"stream": True, "stream_options": {"include_usage": True}} if self.streamed else {}
        said = {"role": "user", "content": f"{self.name} {self.plan}"}
        return {"model": MODEL, "messages": [HEAD, said], **usage}

    @property
    def outcomes(self):
        """The outcomes that its attempt may have."""
        own = _OUTCOMES[self.plan]
        if self.plan is Plan.UNENDED and not self.streamed:
            own = Outcome.ERROR  # half a JSON object
        if self.leaves is Leaves.ANYWHEN:
            return {own, Outcome.CLIENT_ABORT}
        return {own if self.leaves is Leaves.NEVER else Outcome.CLIENT_ABORT}


_OUTCOMES = {
    Plan.WHOLE: Outcome.COMPLETE,
    Plan.SLOW: Outcome.COMPLETE,
    Plan.LENGTH: Outcome.LENGTH,
    Plan.FILTERED: Outcome.REFUSED,
    Plan.CUT: Outcome.UPSTREAM_CUT,
    Plan.UNENDED: Outcome.UPSTREAM_CUT,
    Plan.BUSY: Outcome.ERROR,
    Plan.BROKEN: Outcome.ERROR,
    Plan.FAILING: Outcome.ERROR,
    Plan.GARBAGE: Outcome.ERROR,
    Plan.STALLED: Outcome.TIMEOUT,
    Plan.SILENT: Outcome.TIMEOUT,
}
QUICK = (*[Plan.WHOLE] * 8, Plan.SLOW, Plan.SLOW)
ANY = (*[Plan.WHOLE] * 12, *[Plan.SLOW] * 3, *_OUTCOMES)


class Cases:
    """Draws cases without end. The seed decides all of them, and every other choice of a test."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self._numbers = itertools.count()

    def draw(self, plans=QUICK, *, leaving=0.0):
        """One case of these plans; a share of them hangs up."""
        rng = self.rng
        plan, leaves = rng.choice(plans), Leaves.NEVER
        if rng.random() < leaving:
            # To be sure of the moment, the upstream waits for the app to go.
            leaves = rng.choice((Leaves.UNANSWERED, Leaves.MIDWAY, Leaves.ANYWHEN))
            plan = {Leaves.UNANSWERED: Plan.SILENT, Leaves.MIDWAY: Plan.STALLED}.get(leaves, Plan.SLOW)
        return Case(
            name=f"case-{next(self._numbers):05d}",
            plan=plan,
            # A body that stalls is told from one that is being written only where it streams.
            streamed=rng.random() < 0.5 or leaves is Leaves.MIDWAY,
            leaves=leaves,
            after_s=rng.uniform(0.0, 0.25),
        )

    def several(self, count, plans=QUICK, *, leaving=0.0):
        return [self.draw(plans, leaving=leaving) for _ in range(count)]
