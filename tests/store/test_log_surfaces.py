"""A log of calls of every surface: what is learnt of them is chat, what is shown of them is what was sent."""

import json

import pytest
from storebuild import attempt, call, drawn_choice
from surfacebuild import FP, SYSTEM, answered, asked, said, spoken

from store.ids import new_id
from store.log import CallFilter
from store.prompt import head_hash, input_hash
from store.vocabulary import Feedback, Outcome, Pairing, Role, Who


@pytest.mark.parametrize("surface", ["chat", "responses", "messages", "completions"])
def test_an_exchange_is_chat_and_the_call_is_what_was_sent(told, surface):
    made, served = answered(surface, "Hi", "Hello")
    told.add(made, served)
    [one] = told.log.exchanges([FP], limit=5)
    assert one.answer["choices"][0]["message"]["content"] == "Hello"
    assert one.reference == one.answer
    assert spoken(one)[-1] == ("user", "Hi")
    assert one.head_hash == head_hash(one.request)
    assert one.input_hash == input_hash(one.request)
    detail = told.log.call(made.call_id)
    assert detail.call == made
    assert detail.attempts[0].answer == json.loads(served.body)
    assert (detail.attempts[0].usage.prompt_tokens, detail.attempts[0].usage.completion_tokens) == (7, 3)
    assert detail.attempts[0].cost_usd == 0.007


def test_calls_of_several_surfaces_have_one_head_and_count_together(told):
    for surface in ("chat", "responses", "messages"):
        told.add(*answered(surface, surface, "Hello"))
    assert len({one.head_hash for one in told.log.exchanges([FP], limit=5)}) == 1
    counts = told.log.counts([FP])
    assert (counts.calls, counts.complete) == (3, 3)
    [seen] = told.log.seen_fingerprints()
    assert (seen.calls, seen.head_hash) == (3, head_hash({"messages": [SYSTEM]}))
    assert told.log.totals().prompts == 2  # responses and messages spell it alike


def test_calls_are_listed_by_their_surface(told):
    for surface in ("chat", "responses", "messages"):
        told.add(*answered(surface, surface, "Hello"))
    for wish in ({}, {"who": "teacher"}):
        page = told.log.calls(CallFilter(surface="responses", **wish))
        assert [row.surface for row in page.rows] == ["responses"]


def test_a_student_in_chat_is_held_against_a_teacher_of_another_surface(told):
    made, served = answered("messages", "Hi", "Hello")
    shadow = attempt(made, who=Who.STUDENT, role=Role.SHADOW, served=False, body=said("chat", "Hullo", "x"))
    told.add(made, served, shadow)
    by_who = {one.who: one for one in told.log.unscored([FP], "text", "1", 5)}
    assert by_who["student"].answer["choices"][0]["message"]["content"] == "Hullo"
    assert by_who["student"].reference == by_who["teacher"].answer


def test_a_student_that_answered_a_message_is_held_against_the_teacher_after_it(told):
    choice = drawn_choice(Who.STUDENT, Pairing.REVERSE_SHADOW)
    body = asked("messages", "Hi").body
    made = call("Hi", surface="messages", choice=choice, body=body)
    served = attempt(made, who=Who.STUDENT, body=said("messages", "Hullo", "msg_1"))
    teacher = attempt(made, role=Role.REVERSE_SHADOW, served=False, body=said("messages", "Hello", "msg_2"))
    told.add(made, served, teacher)
    [student] = [one for one in told.log.unscored([FP], "text", "1", 5) if one.who == "student"]
    assert student.answer["choices"][0]["message"]["content"] == "Hullo"
    assert student.reference["choices"][0]["message"]["content"] == "Hello"


def test_what_chat_cannot_say_is_kept_whole_and_teaches_nothing(told):
    made, served = answered("responses", "Hi", "Hello", tools=[{"type": "web_search"}])
    told.add(made, served)
    assert told.log.call(made.call_id).call == made
    assert told.log.exchanges([FP], limit=5) == []
    assert told.log.seen_fingerprints() == []
    assert told.log.counts([FP]).calls == 0


@pytest.mark.parametrize(
    ("more", "answer", "why"),
    [
        ({"conversation": "conv_1"}, None, "stateful"),
        ({"previous_response_id": "resp_unknown"}, None, "earlier_unknown"),
        ({}, {"id": "r", "status": "completed", "output": [{"type": "web_search_call"}]}, "hosted_tool"),
    ],
)
def test_an_exchange_that_cannot_be_told_says_why(told, more, answer, why):
    made, served = answered("responses", "Hi", "Hello", **more)
    if answer is not None:
        served = attempt(made, body=json.dumps(answer).encode())
    told.add(made, served)
    [one] = told.log.exchanges([FP], limit=5)
    assert (one.untold, one.request, one.answer, one.reference) == (why, {}, None, None)


def test_an_answer_that_broke_off_is_no_answer_and_the_call_can_be_told(told):
    made = asked("responses", "Hi")
    cut = json.dumps({"id": "r", "status": "failed", "output": []}).encode()
    told.add(made, attempt(made, body=cut, outcome=Outcome.UPSTREAM_CUT))
    [one] = told.log.exchanges([FP], limit=5)
    assert (one.untold, one.answer) == ("", None)
    assert spoken(one) == [("system", "Be brief."), ("user", "Hi")]


def test_feedback_finds_the_answers_of_every_surface(told):
    for surface in ("chat", "responses", "messages", "completions"):
        told.add(*answered(surface, surface, "Hello"))
        told.add(Feedback(feedback_id=new_id(), ts=1.0, target=f"id-{surface}", score=1.0))
    assert told.log.totals().unresolved_feedback == 0
    assert [one.feedback for one in told.log.exchanges([FP], limit=5)] == [1.0] * 4


def test_answers_of_every_surface_without_a_price_are_counted(told):
    told.ingester._price = lambda *_: None
    for surface in ("responses", "messages", "completions"):
        told.add(*answered(surface, surface, "Hello"))
    assert told.log.totals().unpriced == 3


def test_an_export_names_the_surface_of_what_it_writes(told, tmp_path):
    made = [answered(surface, surface, "Hello") for surface in ("responses", "messages")]
    told.add(*(record for pair in made for record in pair))
    assert told.log.export(tmp_path / "calls.jsonl") == 2
    lines = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert [line["surface"] for line in lines] == ["responses", "messages"]
    assert [line["request"] for line in lines] == [json.loads(one.body) for one, _ in made]
    assert [line["answer"] for line in lines] == [json.loads(two.body) for _, two in made]
