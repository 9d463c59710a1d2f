"""The teacher of a bootstrap: the log itself. Knows no network; it is never asked over one.

`BaseLM.forward` leaves DSPy in 3.5, so this class does not implement it: the verbatim adapter answers for
it from the logged completion, and a call that reaches it anyway is an error.
"""

from __future__ import annotations

import dspy


class ReplayLM(dspy.BaseLM):  # type: ignore[misc]
    """A language model whose answers were already given."""

    def __init__(self) -> None:
        super().__init__(model="stillhouse/replay", cache=False)
