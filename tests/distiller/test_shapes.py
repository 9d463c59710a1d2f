"""What shape a task's answers have: read until it is settled, and then no more."""

from slowpath import attempt, call, said

from distiller.scoring.shape import SETTLED, Shape
from store.vocabulary import Outcome


def answered(number, outcome=Outcome.COMPLETE):
    made = call(f"thing {number}", ts=1000.0 + number)
    return made, [(attempt(made, outcome=outcome), said("red"))]


def reads(house, monkeypatch):
    """The reads of the log from now on."""
    seen, real = [], house.log.exchanges

    def counted(*given, **named):
        seen.append(given)
        return real(*given, **named)

    monkeypatch.setattr(house.log, "exchanges", counted)
    return seen


def test_a_shape_is_settled_by_its_oldest_answers_though_some_of_them_failed(house, monkeypatch):
    house.task()
    house.load(*(answered(n, Outcome.ERROR if n == 3 else Outcome.COMPLETE) for n in range(SETTLED - 1)))
    shapes, seen = house.shapes(), reads(house, monkeypatch)
    for _ in range(2):
        assert shapes.of("colours") is Shape.LABEL
        assert len(seen) == 1  # nothing came between
    house.load(answered(SETTLED - 1))
    for _ in range(2):
        assert shapes.of("colours") is Shape.LABEL
        assert len(seen) == 2


def test_a_first_answer_is_looked_at(house):
    house.task()
    shapes = house.shapes()
    assert shapes.of("colours") is None
    house.load(answered(0))
    assert shapes.of("colours") is Shape.TEXT


def test_where_no_answer_is_whole_there_is_no_shape(house):
    house.task()
    house.load(*(answered(n, Outcome.ERROR) for n in range(SETTLED)))
    shapes = house.shapes()
    assert shapes.of("colours") is None
    house.task(fingerprints=())
    assert shapes.of("colours") is None
