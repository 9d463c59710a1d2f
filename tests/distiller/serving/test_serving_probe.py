"""Whether a server completes, not only whether it listens."""

import socket

import pytest
from standin import StandIn

from distiller.serving.probe import answers, question
from distiller.serving.process import watch


@pytest.mark.parametrize(("said", "fine"), [("H", True), (500, False)])
def test_only_an_answer_counts(said, fine):
    server = StandIn(lambda body: said)
    assert answers(server.url, "student", 5.0) is fine
    assert server.bodies == [question("student")]
    server.close()


def test_a_server_that_listens_and_says_nothing_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not answers(f"http://127.0.0.1:{silent.getsockname()[1]}", "student", 0.1)


def test_nobody_there_is_no_answer():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        assert not answers(f"http://127.0.0.1:{taken.getsockname()[1]}", "student", 1.0)


@pytest.mark.parametrize(
    ("stops", "looks", "code", "looked"),
    [([False, False, True], [True, True], 0, 2), ([False, False], [True, False], 1, 2), ([True], [], 0, 0)],
)
def test_a_server_that_hangs_ends_itself_and_others_stay(stops, looks, code, looked):
    stop, look, seen = iter(stops), iter(looks), []

    def completes():
        seen.append(next(look))
        return seen[-1]

    assert watch(lambda _seconds: next(stop), completes) == code
    assert len(seen) == looked
