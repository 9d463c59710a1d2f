"""Who loads, seals, erases and lets go without end in a log on disk, until it is killed.

It says what is on the disk as soon as it is, and what it takes away before and after it does.
"""

import os
import random

from faultnursery import say, serve
from storebuild import House, attempt, call

from store.log import Retention

DAY_S = 86_400.0
OLD, EARLIER, LATER = (1_767_225_600.0 + days * DAY_S for days in (5, 40, 65))  # January to March 2026
NOW = LATER + 40 * DAY_S
DAYS = (NOW - EARLIER) / DAY_S + 1  # what is OLD may go


def keep(root):
    house, rng, kept = House(root), random.Random(os.getpid()), []
    while True:
        for _ in range(rng.randrange(1, 8)):
            made = call(f"one of {os.getpid()}", ts=rng.choice((OLD, EARLIER, LATER)) + rng.random())
            house.writer.append(made)
            house.writer.append(attempt(made))
            say(f"{'old' if made.ts < EARLIER else 'kept'} {made.call_id}")
            kept.append(made)
        house.ingester.step()
        match rng.choice(("seal", "erase", "retain", "load")):
            case "seal":
                house.log.seal(NOW)
            case "retain":
                house.log.apply_retention(Retention(days=DAYS, now=NOW))
            case "erase":
                gone = kept.pop(rng.randrange(len(kept)))
                say(f"erasing {gone.call_id}")
                house.log.erase([gone.call_id])
                say(f"erased {gone.call_id}")


if __name__ == "__main__":
    serve(keep)
