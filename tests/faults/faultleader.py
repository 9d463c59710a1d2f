"""A leader that decides without end on a control state on disk, until it is killed.

Says a line after each tick. The controller, its rules and the control state are the real ones; only the log is in
memory.
"""

import os
import random

from faultnursery import say, serve
from makers import House

from router.steps import LADDER
from store.ids import new_id
from store.vocabulary import State

TICK_S = 60.0


def lead(folder):
    """Open rollouts, force them up the ladder, hold them, roll them back."""
    house, rng = House(folder), random.Random(os.getpid())
    house.clock.now = max([house.clock.now, *(rollout.entered for rollout in house.control.rollouts())])
    while True:
        live = house.control.rollouts(live=True)
        if not live:
            house.open(f"s{len(house.control.students()) + 1}")
        elif (verb := wish(live[-1].state, rng)) and not house.control.orders():
            house.order(verb, order_id=new_id())
        house.tick(TICK_S)
        say("ticked")


def wish(state, rng):
    if state is State.HOLD:
        return "resume"
    if state not in LADDER:
        return None
    return rng.choice(("force", "pause")) if state is not State.FULL else "rollback"


if __name__ == "__main__":
    serve(lead)
