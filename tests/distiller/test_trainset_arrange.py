"""What is planted into a log does not get through: not into the files, and not across the cut."""

import json
import random
from dataclasses import replace

import pytest
from slowpath import completion, exchange, request, said

from distiller.pipeline.collect import LEAST_TRAIN
from distiller.scoring.shape import Shape
from distiller.settings import DistillerSettings, TrainingSettings, TrainsetSettings
from distiller.trainset import ExposedError, LeakageError, freeze, read_rows, screen, verify
from distiller.trainset.arrange import arrange, nearby
from distiller.trainset.patterns import Level

CARD, MAIL, KEY = "4111 1111 1111 1111", "jane.doe@acme.com", "sk-proj-abcdEFGH1234567890abcdEFGH"
PLANTED = (CARD, CARD.replace(" ", ""), MAIL, "jane.doe", KEY)
_DRAW = random.Random(5)
WORDS = ["".join(_DRAW.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(2000)]


def log(count=1200):
    """A log: of each hundred calls ten nearly repeat an earlier one, ten are a retry, ten have data in them."""
    draw, found, texts, seq = random.Random(7), [], [], 0
    for n in range(count):
        kind = n % 10
        text = " ".join(draw.choices(WORDS, k=9))
        if kind == 3 and texts:
            text = draw.choice(["hello, {}", "{} please", "{}!!"]).format(draw.choice(texts)).upper()
        if kind == 5:
            text += f" {MAIL} {CARD} {KEY}"
        texts.append(text)
        fields = {
            "text": text,
            "user": f"p{draw.randrange(4000)}",
            "unit": f"u{draw.randrange(6000)}",
            "key_id": "k",
        }
        if kind == 5:
            arguments = json.dumps({"to": MAIL, "card": int(CARD.replace(" ", "")), "key": f"\n{KEY}"})
            tool = {"id": "t", "type": "function", "function": {"name": "pay", "arguments": arguments}}
            message = {"role": "assistant", "content": None, "tool_calls": [tool]}
            asked = request(text, tools=[{"type": "function", "function": {"name": "pay", "parameters": {}}}])
            fields |= {"answer": completion(message), "user": MAIL, "request": asked}
            if n % 20 == 5:
                fields["correction"] = f"paid by {MAIL}"
            del fields["text"]
        for retry in range(1 + (kind == 7)):
            seq += 1
            found.append(exchange(seq, **{"input_hash": f"i{n}", "retry_count": retry, **fields}))
    return found


def frozen(folder, settings=None, level=Level.PERSONAL):
    found = screen(log(), shape=Shape.TEXT, threshold=0.5, judged=False)
    arranged = arrange(found.rows, settings or DistillerSettings(), level=level)
    freeze(arranged.parts, folder, arranged.card)
    return arranged, read_rows(folder / "train.jsonl"), read_rows(folder / "heldout.jsonl")


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    return (folder, *frozen(folder))


def plain(row):
    """What the text of a planted row was made of."""
    words = row["request"]["messages"][-1]["content"].casefold().replace("!", "").split()
    return " ".join(word for word in words if word in WORDS)


def test_planted_repetitions_users_and_retries_do_not_leak(planted):
    _folder, arranged, train, heldout = planted
    assert len(heldout) >= 100
    assert arranged.parts.straddling > 0
    assert arranged.card["near_clusters"] > 60
    learnt = {name: {row[name] for row in train} for name in ("unit", "user", "input_hash")}
    common = set(arranged.parts.common_users)
    for row in heldout:
        for name, values in learnt.items():
            assert row[name] not in values - common
    texts = {plain(row) for row in train}
    assert not [row for row in heldout if plain(row) in texts]
    inputs = [row["input_hash"] for row in (*train, *heldout)]
    assert len(inputs) == len(set(inputs))
    assert max(row["seq"] for row in train) < min(row["seq"] for row in heldout)


def test_planted_keys_cards_and_addresses_are_in_no_file(planted):
    folder, arranged, train, _heldout = planted
    for path in folder.iterdir():
        text = path.read_text("utf-8")
        assert [value for value in PLANTED if value in text] == []
    assert arranged.card["redacted"].keys() == {"card", "email", "secret"}
    assert min(arranged.card["redacted"].values()) > 30
    calls = [
        row["completion"]["tool_calls"][0]["function"] for row in train if "tool_calls" in row["completion"]
    ]
    assert len(calls) > 10
    for call in calls:
        given = json.loads(call["arguments"])
        assert given["to"].rsplit("@")[-1].startswith("example.")
        assert len(str(given["card"])) == 16


def test_of_the_card_the_same_log_gives_the_same(planted, tmp_path):
    folder, *_ = planted
    frozen(tmp_path)
    for name in ("card.json", "train.jsonl", "heldout.jsonl"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    card = json.loads((tmp_path / "card.json").read_text())
    assert (card["redact"], card["own"]) == ("personal", [])


def test_what_is_left_out_is_counted_by_its_reason(tmp_path):
    rows = screen(log(), shape=Shape.TEXT, threshold=0.5, judged=False).rows
    tight = DistillerSettings(
        training=TrainingSettings(max_rows=300), trainset=TrainsetSettings(user_share=0.001, near_rows=1)
    )
    arranged = arrange(rows, tight, level=Level.OFF)
    assert len(arranged.parts.train) == 300
    assert arranged.left_out.keys() == {
        "more than user_share of one user",
        "near-duplicate of newer rows",
        "more than training.max_rows",
        "older, and shares something with held-out rows",
    }
    kept = len(arranged.parts.train) + len(arranged.parts.heldout)
    assert kept + sum(arranged.left_out.values()) + arranged.parts.straddling == len(rows)


def test_what_is_older_than_can_be_trained_on_gives_way_to_the_heldout_rows():
    """The users of the held-out rows come back after thousands of calls: they would have left none."""
    made = [
        exchange(n + 1, text=" ".join(_DRAW.choices(WORDS, k=9)), user=f"p{n % 1500}") for n in range(3000)
    ]
    rows = screen(made, shape=Shape.TEXT, threshold=0.5, judged=False).rows
    arranged = arrange(rows, DistillerSettings(training=TrainingSettings(max_rows=500)), level=Level.OFF)
    parts = arranged.parts
    assert len(parts.heldout) >= 200
    assert len(parts.train) == 500
    assert arranged.left_out["older, and shares something with held-out rows"] == len(parts.heldout)
    assert not {row.user for row in parts.train} & {row.user for row in parts.heldout}


def test_an_app_that_repeats_itself_still_has_rows_to_be_tested_on():
    """Forty phrases with a number: near is what is equal. As long as others suffice, near is what it always is."""
    phrases = [" ".join(_DRAW.choices(WORDS, k=8)) for _ in range(40)]
    made = [exchange(n + 1, text=f"{phrases[n % 40]} {_DRAW.randrange(10**6)}") for n in range(600)]
    arranged = arrange(_screened(made), DistillerSettings(), level=Level.OFF)
    assert arranged.card["near_alike"] > 0.65
    assert len(arranged.parts.heldout) >= 200
    others = [exchange(n + 601, text=" ".join(_DRAW.choices(WORDS, k=8))) for n in range(600)]
    assert (
        arrange(_screened([*made, *others]), DistillerSettings(), level=Level.OFF).card["near_alike"] == 0.65
    )


def _screened(made):
    return screen(made, shape=Shape.TEXT, threshold=0.5, judged=False).rows


def rewrite(path, change):
    rows = read_rows(path)
    change(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_near_duplicate_across_the_cut_is_an_error(tmp_path):
    _, train, _ = frozen(tmp_path)
    rewrite(tmp_path / "heldout.jsonl", lambda rows: rows[0].update(near=train[0]["near"]))
    with pytest.raises(LeakageError, match="1 held-out rows share their cluster of near-duplicates"):
        verify(tmp_path)


@pytest.mark.parametrize("where", ["request", "completion", "user", "teacher"])
def test_data_that_is_left_in_the_files_is_an_error(tmp_path, where):
    frozen(tmp_path)
    values = {
        "request": request(f"it is {CARD}"),
        "completion": said(f"call {KEY}"),
        "user": MAIL,
        "teacher": said(MAIL),
    }
    rewrite(tmp_path / "train.jsonl", lambda rows: rows[-1].update({where: values[where]}))
    with pytest.raises(ExposedError, match=r"(card|secret|email) \(1\)"):
        verify(tmp_path)


def test_without_redaction_nothing_is_looked_for(tmp_path):
    frozen(tmp_path, level=Level.OFF)
    assert MAIL in (tmp_path / "train.jsonl").read_text()
    verify(tmp_path)


def test_a_message_without_words_is_near_to_its_like_alone():
    rows = screen(
        [
            exchange(n, request={"messages": [{"role": "system", "content": "go"}]}, input_hash=f"i{n // 2}x{n}")
            for n in range(1, LEAST_TRAIN)
        ],
        shape=Shape.LABEL, threshold=0.5, judged=False,
    ).rows  # fmt: skip
    assert len({row.near for row in nearby(rows)}) == len(rows)
    twice = [replace(rows[0], seq=n, call_id=f"c{n}") for n in (50, 60)]
    assert {row.near for row in nearby(twice)} == {50}
