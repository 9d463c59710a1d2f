"""What tasks that are trained together must not learn from each other."""

import json

from distiller.trainset.apart import shared

PLAN, WRITE = "Plan the work.", "Write the report."


def row(call_id, text, system=PLAN, **fields):
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    given = {"call_id": call_id, "unit": f"unit {call_id}", "user": None, "request": {"messages": messages}}
    return {**given, **fields}


def frozen(folder, train, heldout, **card):
    folder.mkdir()
    for name, rows in (("train", train), ("heldout", heldout)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    (folder / "card.json").write_text(json.dumps({"common_users": [], **card}))
    return folder


def test_a_conversation_that_another_task_has_held_out_is_not_learnt(tmp_path):
    plan = frozen(tmp_path / "a", [row("a1", "sort the mail")], [row("a2", "book a room", unit="talk")])
    write = frozen(
        tmp_path / "b",
        [row("b1", "an entirely different text", WRITE, unit="talk"), row("b2", "count the chairs", WRITE)],
        [row("b3", "draw a map", WRITE)],
    )
    assert shared([plan, write]) == {"b1"}
    assert shared([write, plan]) == {"b1"}


def test_the_same_words_under_other_instructions_are_not_learnt(tmp_path):
    text = "Which of the seven trains to Lisbon leaves before noon on Friday?"
    plan = frozen(tmp_path / "a", [row("a1", "sort the mail")], [row("a2", text)])
    near = text.replace("Friday", "Fridays")
    write = frozen(tmp_path / "b", [row("b1", near, WRITE), row("b2", "count the chairs", WRITE)], [])
    assert shared([plan, write]) == {"b1"}


def test_a_person_whose_calls_another_task_has_held_out_is_not_learnt_from(tmp_path):
    plan = frozen(tmp_path / "a", [row("a1", "sort the mail")], [row("a2", "book a room", user="anna")])
    train = [row("b1", "count the chairs", WRITE, user="anna"), row("b2", "draw a map", WRITE, user="app")]
    write = frozen(tmp_path / "b", train, [row("b3", "paint it", WRITE, user="app")], common_users=["app"])
    other = frozen(tmp_path / "c", [row("c1", "weigh the box", user="app")], [])
    assert shared([plan, write, other]) == {"b1"}


def test_each_trainset_keeps_its_own_parts_apart_by_itself(tmp_path):
    plan = frozen(tmp_path / "a", [row("a1", "sort", unit="talk")], [row("a2", "book", unit="talk")])
    write = frozen(tmp_path / "b", [row("b1", "count the chairs", WRITE)], [])
    assert shared([plan, write]) == frozenset()
    assert shared([plan]) == frozenset()
