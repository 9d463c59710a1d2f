"""Feedback of one key, on a tenth of the rows, changes no verdict.

All is real but the two models: the teacher is a rule, and the student a table of words that is learnt from
the trainset's own file and asked over HTTP. Each attack is also run with the cap off, where it succeeds: otherwise
that it fails would show nothing.
"""

import asyncio
import random
from collections import Counter, defaultdict

import pytest
from slowpath import InProcessScorer, completion, exchange, said
from standin import StandIn

from distiller.evaluation import Evaluator
from distiller.scoring.shape import Shape
from distiller.scoring.spec import MetricSpec
from distiller.settings import DistillerSettings, TrainsetSettings
from distiller.trainset import freeze, read_rows, screen
from distiller.trainset.arrange import arrange
from distiller.trainset.caps import heard
from distiller.trainset.patterns import Level
from store.vocabulary import Student, Verdict

CALLS = 1500
KINDS = [f"kind{n:02}" for n in range(20)]  # the word that decides, among others that do not
LABELS = ("red", "green", "blue")
_DRAW = random.Random(3)
NOISE = ["".join(_DRAW.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(3000)]


def truth(kind):
    return LABELS[KINDS.index(kind) % 3]


def log(kind_of, poison):
    """Every tenth call is the stranger's; `poison(n)` is what its feedback says."""
    draw, found = random.Random(11), []
    for n in range(CALLS):
        stranger = n % 10 == 4
        kind = kind_of(draw, stranger=stranger)
        words = [*draw.choices(NOISE, k=8), kind]
        draw.shuffle(words)
        said_ = poison(n, kind) if stranger else {}
        voices = {"correction_key": "stranger"} if "correction" in said_ else {}
        voices |= {"feedback_key": "stranger"} if "feedback" in said_ else {}
        fields = {"text": " ".join(words), "answer": completion(said(truth(kind))), **said_, **voices}
        found.append(exchange(n + 1, key_id="stranger" if stranger else f"honest {n % 2}", **fields))
    return found


class Table:
    """A student that knows for each kind the label that it was shown most often; it is blind to some kinds."""

    def __init__(self, rows, blind=()):
        votes = defaultdict(Counter)
        for row in rows:
            if row["passed"]:
                votes[self.kind(row["request"])][row["completion"]["content"]] += 1
        self.known = {kind: count.most_common(1)[0][0] for kind, count in votes.items() if kind not in blind}

    @staticmethod
    def kind(body):
        return next(w for w in body["messages"][-1]["content"].split() if w.startswith("kind"))

    def __call__(self, body):
        return self.known.get(self.kind(body), "none")


def verdict(exchanges, folder, *, share, blind=(), judged=False):
    settings = DistillerSettings(trainset=TrainsetSettings(feedback_share=share))
    found = heard(
        screen(exchanges, shape=Shape.LABEL, threshold=0.5, judged=judged), settings.trainset.feedback_share
    )
    arranged = arrange(found.rows, settings, level=Level.PERSONAL)
    freeze(arranged.parts, folder, arranged.card)
    server = StandIn(Table(read_rows(folder / "train.jsonl"), blind))
    try:
        student = Student(
            student_id="s", task_id="t", task_version=1, recipe="finetune", base="b", trainset_id="x", created=0.0,
            base_url=server.url,
        )  # fmt: skip
        evaluator = Evaluator(scorer=InProcessScorer(), metric=MetricSpec(name="label"), delta=0.03)
        heldout = read_rows(folder / "heldout.jsonl")
        return asyncio.run(evaluator.run(student, heldout, None)).screen
    finally:
        server.close()


def mostly_one(draw, *, stranger):
    """The stranger calls with one kind alone, the others with all."""
    return KINDS[0] if stranger else draw.choice(KINDS)


def lies_early(n, kind):
    """Correct what is learnt, and leave alone what is tested: a good student is to learn something wrong."""
    return {"correction": "black"} if n < CALLS * 0.7 else {}


def lies_always(n, kind):
    """Correct everything to what the student will have learnt: a bad one is to look better than its teacher."""
    return {"correction": "black"}


@pytest.mark.parametrize(("share", "expected"), [(0.02, Verdict.PASS), (1.0, Verdict.FAIL)])
def test_a_good_student_is_not_failed(tmp_path, share, expected):
    clean = verdict(log(mostly_one, lambda *_: {}), tmp_path / "clean", share=share)
    poisoned = verdict(log(mostly_one, lies_early), tmp_path / "poisoned", share=share)
    assert clean.verdict is Verdict.PASS
    assert poisoned.verdict is expected


@pytest.mark.parametrize(("share", "expected"), [(0.02, Verdict.FAIL), (1.0, Verdict.PASS)])
def test_a_bad_student_is_not_passed(tmp_path, share, expected):
    weak = {"blind": KINDS[1:3]}  # a tenth of the others' calls
    clean = verdict(log(mostly_one, lambda *_: {}), tmp_path / "clean", share=share, **weak)
    poisoned = verdict(log(mostly_one, lies_always), tmp_path / "poisoned", share=share, **weak)
    assert clean.verdict is Verdict.FAIL
    assert poisoned.verdict is expected


@pytest.mark.parametrize(("praise", "judge"), [(1.0, 0.0), (0.0, 1.0)])
def test_praise_and_blame_of_a_stranger_hardly_change_which_rows_pass(praise, judge):
    """The judge finds the stranger's answers bad and it praises them, or the other way round."""

    def passed(poison, share):
        calls = log(mostly_one, poison)
        scored = [replace_score(one, judge if one.key_id == "stranger" else 1.0) for one in calls]
        rows = heard(screen(scored, shape=Shape.LABEL, threshold=0.5, judged=True), share).rows
        return {row.call_id for row in rows if row.passed}

    def replace_score(one, score):
        return type(one)(
            **{name: getattr(one, name) for name in one.__slots__} | {"score": score, "source": "judge"}
        )

    clean = passed(lambda *_: {}, 0.02)
    assert len(clean ^ passed(lambda *_: {"feedback": praise}, 1.0)) == CALLS / 10
    assert len(clean ^ passed(lambda *_: {"feedback": praise}, 0.02)) == CALLS / 50
