"""How long a call a classifier may answer: as long as what it was shown, and a quarter more."""

import pytest

from distiller.pipeline.publish import _longest
from distiller.serving.capabilities import capabilities
from gateway.fit import misfit
from store.vocabulary import Program

HEAD = {"role": "system", "content": "Say which desk. " * 200}


def asked(text):
    return {"model": "m", "messages": [HEAD, {"role": "user", "content": text}]}


@pytest.mark.parametrize("program", [Program(), Program(head=())])
def test_a_call_much_longer_than_all_that_were_shown_is_the_teachers(program):
    can = capabilities(_longest([asked("x" * n) for n in (30, 900, 1200)], program))
    heading = 1 if program.head == () else 0
    for text, why in (("x" * 1200, None), ("x" * 1400, None), ("x" * 6000, "context")):
        assert misfit(asked(text), can, program, heading=heading) == why
