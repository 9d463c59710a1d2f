"""A leader that decides without end on a control state on disk, until it is killed.

Says a line after each tick. The controller, its rules and the control state are the real ones; only the log is in
memory.
"""

import os
import random

from faultnursery import say, serve
from makers import House

from router.decision import Cause, Finding
from router.steps import LADDER
from store.ids import new_id
from store.vocabulary import State

TICK_S = 60.0
CALLS = 300  # of good answers, at a step that must pass its own gate
FOUND_EVERY = 8  # transitions
FOUND = (
    Finding(cause=Cause.JUDGE_OUTAGE, why="The judge is away.", void="interval"),
    Finding(cause=Cause.TEACHER_CHANGED, why="The teacher has changed.", void="all"),
)


def lead(folder):
    """Open rollouts, bring them up the ladder by force and by proof, hold them, void them, roll them back."""
    house, rng = House(folder), random.Random(os.getpid())
    house.seq = max((rollout.consumed_seq for rollout in house.control.rollouts()), default=0)
    house.clock.now = max([house.clock.now, *(rollout.entered for rollout in house.control.rollouts())])
    while True:
        live = house.control.rollouts(live=True)
        if not live:
            house.open(f"s{len(house.control.students()) + 1}")
        elif live[-1].state in {*live[-1].evidence["unverified"]} - {
            State.FULL
        }:  # no gate leads on from there
            house.play(CALLS)
        elif (verb := wish(live[-1].state, rng)) and not house.control.orders():
            house.order(verb, order_id=new_id())
        turn, place = divmod(len(house.control.transitions()), FOUND_EVERY)
        house.findings = [FOUND[turn % len(FOUND)]] if place == 0 else []
        house.tick(TICK_S)
        say("ticked")


def wish(state, rng):
    if state is State.HOLD:
        return "resume"
    if state not in LADDER:
        return None
    return rng.choice(("force", "force", "pause", "rollback")) if state is not State.FULL else "rollback"


if __name__ == "__main__":
    serve(lead)
