"""A trainset of a log whose apps speak different surfaces: one task, one wording, rows in chat."""

import pytest
from storebuild import House
from surfacebuild import FP, answered, goes_on

from distiller.recipes.case import constant_head
from distiller.scoring.shape import Shape
from distiller.trainset import freeze, read_rows, screen, split
from gateway import trace
from gateway.capture import read_answer
from store.program import rewrite
from store.vocabulary import Program

SURFACES = ("chat", "responses", "messages")
COLOURS = ("red", "green", "blue")


@pytest.fixture
def told(tmp_path):
    made = House(tmp_path, trace, read_answer)
    yield made
    made.close()


def test_rows_of_every_surface_teach_the_same_task(told, tmp_path):
    for n in range(60):
        told.add(*answered(SURFACES[n % 3], f"thing {n}", COLOURS[n % 3]))
    told.add(*goes_on("and this?", "id-thing 59", "r59"))  # thing 59 was asked as a message
    told.add(*goes_on("and this?", "id-thing 1", "r1"), *goes_on("and that?", "r1", "r2"))
    exchanges = told.log.exchanges([FP], limit=100)
    found = screen(exchanges, shape=Shape.LABEL, threshold=0.5, judged=False)
    program = Program(head=(), head_hash=constant_head([row.request for row in found.rows]) or "")
    assert program.head_hash == next(e.head_hash for e in exchanges if not e.untold)
    assert found.left_out == {"not said in chat: earlier_unknown": 1}
    freeze(split(found.rows, heldout=15), tmp_path / "trainset", {"task_id": "t"})
    train = read_rows(tmp_path / "trainset" / "train.jsonl")
    heldout = read_rows(tmp_path / "trainset" / "heldout.jsonl")
    assert {row["request"]["messages"][0]["content"] for row in train + heldout} == {"Be brief."}
    for row in train:
        assert set(row["completion"]) == {"role", "content"}
        assert len(rewrite(row["request"], program)["messages"]) == len(row["request"]["messages"]) - 1
    assert not [row for row in heldout if "before" in row]  # their conversation has taught already
