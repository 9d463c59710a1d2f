import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slowpath import InProcessScorer, feedback, served, shadowed

from distiller.scoring.late import FEEDBACK, SIGNAL, Late, Owner, scores_of
from distiller.scoring.scoring import Scoring
from distiller.scoring.spec import ScorerUnavailable
from distiller.settings import SIGNALS, Policies, TaskPolicy
from store.log import Said

WORTH = TaskPolicy().signals


def scoring(house, *, now=time.time, policies=None, scorer=None):
    return Scoring(
        log=house.log,
        control=house.control,
        scorer=scorer or InProcessScorer(),
        shapes=house.shapes(policies),
        rest=0,
        now=now,
    )


def of(house, call, name):
    """Scores of that name of the served answer, in the order in which they count."""
    (serve,) = [a for a in house.log.call(call.call_id).attempts if a.attempt.served]
    return [s for s in serve.scores if s.name == name]


def latest(house, call, name):
    (found,) = [e for e in house.log.exchanges(["f" * 32], limit=99) if e.call_id == call.call_id]
    return getattr(found, name)


def looked(late, limit=10):
    """Look, and take what was found."""
    heard = late.look(limit)
    late.keep(heard)
    return heard


class Counting:
    """A log that tells how much feedback was read."""

    def __init__(self, log):
        self._log = log
        self.read = []

    def said(self, after, limit, waiting=()):
        found = self._log.said(after, limit, waiting)
        self.read.append(len(found))
        return found


async def test_a_signal_that_comes_hours_later_scores_its_answer(house):
    house.task()
    call, made = served("x", "red")
    house.load((call, made))
    loop = scoring(house)
    await loop.step()
    house.load(feedback=[feedback(call, signal="regenerated")])
    assert await loop.step() == 1
    (one,) = of(house, call, SIGNAL)
    assert (one.value, one.source.value, one.reason) == (0.1, "signal", "regenerated")
    assert latest(house, call, "signal") == 0.1
    assert await loop.step() == 0


async def test_the_word_said_last_counts_in_whatever_order_they_arrive(house):
    house.task()
    call, made = served("x", "red")
    house.load((call, made))
    first, then = feedback(call, signal="copied"), feedback(call, signal="escalated")
    assert first.ts < then.ts
    loop = scoring(house)
    house.load(feedback=[then])
    await loop.step()
    house.load(feedback=[first])
    await loop.step()
    assert latest(house, call, "signal") == 0.0
    assert [s.value for s in of(house, call, SIGNAL)] == [0.9, 0.0]


async def test_unknown_words_are_kept_and_counted_never_guessed(house):
    house.task()
    call, made = served("x", "red")
    house.load((call, made), feedback=[feedback(call, signal="framed"), feedback(call, signal="framed")])
    await scoring(house).step()
    assert of(house, call, SIGNAL) == []
    assert house.log.signals(["f" * 32]) == {"framed": 2}
    policies = Policies(default=TaskPolicy(signals={**SIGNALS, "framed": 1.0}))
    await scoring(house, policies=policies).step()  # after a restart with that word
    assert latest(house, call, "signal") == 1.0


async def test_what_is_a_score_already_is_not_made_again_after_a_restart(house):
    house.task()
    call, made = served("x", "red")
    house.load((call, made), feedback=[feedback(call, score=0.0), feedback(call, signal="copied")])
    await scoring(house).step()
    assert await scoring(house).step() == 0
    policies = Policies(default=TaskPolicy(signals={"copied": 0.25}))
    assert await scoring(house, policies=policies).step() == 1  # a word worth something else is scored anew
    assert await scoring(house, policies=policies).step() == 0
    assert latest(house, call, "signal") == 0.25
    assert await scoring(house).step() == 1  # and back again
    assert latest(house, call, "signal") == 0.9


async def test_feedback_waits_for_its_call_and_is_then_let_go(house):
    house.task()
    call, made = served("x", "red")
    now = [time.time()]
    late = Late(house.log, lambda _: Owner(task_id="colours", worth=WORTH), lambda: now[0])
    house.load(feedback=[feedback(call, score=1.0), feedback(call, correction="blue")])
    assert looked(late).scores == []
    house.load((call, made))
    heard = looked(late)
    assert [s.value for s in heard.scores] == [1.0]
    assert list(heard.corrected["colours"]) == [call.call_id]
    stranger, _ = served("y", "red")
    house.load(feedback=[feedback(stranger, score=1.0)])
    log = Counting(house.log)
    late = Late(log, lambda _: None, lambda: now[0])
    for _ in range(3):
        looked(late)
    now[0] += 3600
    looked(late)
    looked(late)
    assert log.read == [3, 3, 3, 3, 0]


async def test_a_look_reads_what_came_since_and_not_what_there_is(house):
    house.task()
    rows = [served(f"x{i}", "red") for i in range(50)]
    house.load(*rows, feedback=[feedback(call, score=1.0) for call, _ in rows])
    log = Counting(house.log)
    late = Late(log, lambda _: Owner(task_id="colours", worth=WORTH), time.time)
    while looked(late, 20).scores:
        pass
    house.load(feedback=[feedback(rows[0][0], signal="copied")])
    assert len(looked(late, 20).scores) == 1
    assert log.read == [20, 20, 10, 0, 1]


async def test_scores_that_could_not_be_written_are_made_again(house, monkeypatch):
    house.task()
    call, made = served("x", "red")
    house.load((call, made), feedback=[feedback(call, score=1.0)])
    loop = scoring(house)
    with monkeypatch.context() as patch:
        patch.setattr(house.log, "add_scores", full)
        with pytest.raises(OSError, match="no space"):
            await loop.step()
    await loop.step()
    assert [s.value for s in of(house, call, FEEDBACK)] == [1.0]


def full(scores):
    raise OSError("no space")


async def test_a_second_correction_scores_the_call_again(house):
    house.task()
    house.colours(30)
    pair = shadowed("x", "red", "blue")
    house.load(pair)
    loop = scoring(house)
    await loop.step()
    for right, wanted in (("blue", 1.0), ("green", 0.0)):
        house.load(feedback=[feedback(pair[0], correction=right)])
        assert await loop.step() == 2
        (one,) = house.log.drawn("r1", 0, "label", 10)
        assert one.student_score == wanted
        assert await loop.step() == 0
    assert await scoring(house).step() == 0  # nor after a restart


async def test_a_correction_is_not_forgotten_while_the_scorer_is_away(house):
    class Away(InProcessScorer):
        away = False

        async def score(self, spec, items):
            if self.away:
                raise ScorerUnavailable("no scorer")
            return await super().score(spec, items)

    house.task()
    house.colours(30)
    pair = shadowed("x", "red", "blue")
    house.load(pair)
    scorer = Away()
    loop = scoring(house, scorer=scorer)
    await loop.step()
    scorer.away = True
    house.load(feedback=[feedback(pair[0], correction="blue")])
    assert await loop.step() == 0
    scorer.away = False
    assert await loop.step() == 2


def said(**fields):
    given = {
        "seq": 1, "ts": 10.0, "score": None, "signal": None, "corrected": False, "call_id": "c", "attempt_id": "a",
        "fingerprint": "f", "counted": False, "worth": None, "worth_ts": None,
    }  # fmt: skip
    return Said(**{**given, **fields})


@given(
    score=st.none() | st.floats(0, 1),
    signal=st.none() | st.sampled_from([*SIGNALS, "framed"]),
    counted=st.booleans(),
)
def test_feedback_gives_at_most_one_score_a_kind_and_only_what_it_says(score, signal, counted):
    made = {s.name: s for s in scores_of(said(score=score, signal=signal, counted=counted), WORTH)}
    assert (FEEDBACK in made) == (score is not None and not counted)
    assert (SIGNAL in made) == (signal in SIGNALS)
    assert all(s.ts == 10.0 and s.source.value == name for name, s in made.items())
    assert FEEDBACK not in made or made[FEEDBACK].value == score


@pytest.mark.parametrize("word", SIGNALS)
def test_a_word_once_scored_gives_a_later_score_only_where_its_worth_changed(word):
    same = f"{word}={WORTH[word]:g}"
    assert scores_of(said(signal=word, worth=same, worth_ts=10.0), WORTH) == []
    (one,) = scores_of(said(signal=word, worth="other", worth_ts=10.0), WORTH)
    assert one.ts > 10.0
