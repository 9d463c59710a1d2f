import json

import pytest
from slowpath import request, said

from distiller.trainset import DamagedError, Row, freeze, read_rows, split, verify
from distiller.trainset.erase import without

FILES = ("card.json", "train.jsonl", "heldout.jsonl")


@pytest.fixture
def frozen(tmp_path):
    """Sixty rows, every second of `app`, which is a constant of theirs and no person."""
    rows = [
        Row(
            call_id=f"c{seq}",
            seq=seq,
            unit=f"u{seq}",
            user="app" if seq % 2 else f"p{seq}",
            input_hash=f"i{seq}",
            request=request(f"thing {seq} \u00fc\ud800"),
            completion=said("red"),
            passed=True,
            score=None,
        )
        for seq in range(60)
    ]
    freeze(split(rows, heldout=20), tmp_path, {"task_id": "t"})
    return tmp_path


def write(folder, remains, names=FILES):
    for name, content in remains.files.items():
        if name in names:
            (folder / name).write_bytes(content)


def content(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def test_the_rows_go_the_others_stay_byte_for_byte_and_the_card_says_so(frozen):
    before = content(frozen)
    gone = {"c4", "c5", "c58"}
    left = without(frozen, lambda row: row["call_id"] in gone)
    assert (left.train, left.heldout) == (2, 1)
    assert {row["call_id"] for row in left.gone} == gone
    assert content(frozen) == before
    write(frozen, left)
    verify(frozen)
    kept = content(frozen)
    for name in FILES[1:]:
        assert [line for line in before[name].splitlines() if json.loads(line)["call_id"] not in gone] == (
            kept[name].splitlines()
        )
    card, old = json.loads(kept["card.json"]), json.loads(before["card.json"])
    assert card["trainset_id"] == old["trainset_id"]
    assert (card["train"], card["heldout"], card["erased_rows"]) == (old["train"] - 2, old["heldout"] - 1, 3)
    assert not without(frozen, lambda row: row["call_id"] in gone).touched


def test_a_second_erasure_adds_up(frozen):
    write(frozen, without(frozen, lambda row: row["call_id"] == "c1"))
    write(frozen, without(frozen, lambda row: row["call_id"] == "c2"))
    assert json.loads((frozen / "card.json").read_text())["erased_rows"] == 2
    verify(frozen)


@pytest.mark.parametrize("written", [FILES[:1], FILES[:2]])
def test_an_erasure_that_was_cut_off_comes_to_the_same_end(frozen, tmp_path_factory, written):
    whole = tmp_path_factory.mktemp("whole")
    for name, data in content(frozen).items():
        (whole / name).write_bytes(data)

    def goes(row):
        return row["seq"] in (3, 59)

    write(whole, without(whole, goes))
    write(frozen, without(frozen, goes), written)
    write(frozen, without(frozen, goes))
    assert content(frozen) == content(whole)
    verify(frozen)


def test_a_user_in_the_card_goes_too(frozen):
    assert read_rows(frozen / "train.jsonl")[1]["user"] == "app"
    left = without(frozen, lambda row: row["user"] == "app", "app")
    assert left.card["common_users"] == []
    write(frozen, left)
    assert b'"app"' not in b"".join(content(frozen).values())
    verify(frozen)


def test_rows_that_are_not_those_of_the_card_are_refused(frozen):
    lines = (frozen / "train.jsonl").read_text().splitlines(keepends=True)
    (frozen / "train.jsonl").write_text("".join(lines[1:]))
    with pytest.raises(DamagedError):
        verify(frozen)
