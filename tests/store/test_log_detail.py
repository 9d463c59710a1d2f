import random
import time

import pytest
from storebuild import answer_body, attempt, call

from store.ids import new_id
from store.vocabulary import Feedback, Role, Score, ScoreSource, Who

MONTH_S = 31 * 86_400.0
TENANTS = ("acme", "evil")


def fill(house, seed):
    """Calls of two months and two tenants; completion ids recur, targets are spelled in several ways."""
    rng = random.Random(seed)
    now = time.time()
    made, tries, said, scores = [], [], [], []
    for number in range(40):
        one = call(
            str(number % 7), ts=now - rng.choice((3 * MONTH_S, 0.0)) - number, tenant=rng.choice(TENANTS)
        )
        made.append(one)
        for attempted in range(rng.randrange(3)):
            served = attempted == 0
            tries.append(
                attempt(
                    one,
                    role=Role.SERVE if served else Role.SHADOW,
                    who=Who.TEACHER if served else Who.STUDENT,
                    served=served,
                    started=one.ts + rng.choice((0.0, 0.1)),
                    body=answer_body(f"says {number}", f"done-{number % 30}"),
                )
            )
    for number in range(120):
        own = rng.choice(made).call_id
        target = rng.choice((own, own.upper(), own.replace("-", ""), f"done-{number % 35}", "nothing"))
        said.append(
            Feedback(
                feedback_id=new_id(), ts=float(number), target=target, tenant=rng.choice(TENANTS), score=0.5
            )
        )
    for number, one in enumerate(rng.choices(tries, k=80)):
        scores.append(
            Score(
                attempt_id=one.attempt_id, call_id=one.call_id, name="m", version="1", value=0.5,
                source=ScoreSource.METRIC, ts=float(number),
            )
        )  # fmt: skip
    records = [*made, *tries, *said]
    rng.shuffle(records)
    house.add(*records)
    house.log.add_scores(scores)
    return made


def asked(house, statement, **values):
    with house.log._database.looking() as cursor:
        return [str(row[0]) for row in cursor.execute(statement, values).fetchall()]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sealed", [False, True])
def test_a_call_has_the_rows_that_the_whole_tables_give_in_their_order(house, seed, sealed):
    made = fill(house, seed)
    if sealed:
        assert house.log.seal(time.time())
    with_feedback = 0
    for one in made:
        found = house.log.call(one.call_id)
        wanted = {"call": one.call_id}
        tries = "SELECT attempt_id FROM attempts WHERE call_id = $call::UUID ORDER BY started, ts, attempt_id"
        said = "SELECT feedback_id FROM resolved_feedback WHERE call_id = $call::UUID ORDER BY ts"
        assert found.call == one
        assert found.seq == int(
            asked(house, "SELECT seq FROM calls WHERE call_id = $call::UUID", **wanted)[0]
        )
        assert [a.attempt.attempt_id for a in found.attempts] == asked(house, tries, **wanted)
        assert [f.feedback_id for f in found.feedback] == asked(house, said, **wanted)
        for tried in found.attempts:
            judged = "SELECT ts FROM scores WHERE attempt_id = $attempt::UUID ORDER BY ts"
            assert [str(s.ts) for s in tried.scores] == asked(house, judged, attempt=tried.attempt.attempt_id)
        with_feedback += bool(found.feedback)
    assert with_feedback


def test_a_call_that_is_not_there_and_an_id_that_is_none_are_nothing(house):
    fill(house, 0)
    assert house.log.call(new_id()) is None
    assert house.log.call("chatcmpl-1") is None
