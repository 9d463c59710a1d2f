"""Responses that go on from earlier ones: what is learnt of them is all that was said."""

import json

from storebuild import attempt, call
from surfacebuild import FP, SYSTEM, answered, asked, goes_on, spoken

from store.prompt import head_hash, input_hash


def test_a_call_that_goes_on_has_all_that_was_said_but_earlier_instructions(told):
    first, answer = answered("responses", "one", "to one", name="r1", instructions="Be long.")
    second, third = goes_on("two", "r1", "r2", instructions=None), goes_on("three", "r2", "r3")
    told.add(first, answer, *second, *third)
    *_, last = told.log.exchanges([FP], limit=5, newest_first=False)
    assert spoken(last) == [
        ("system", "Be brief."),
        ("user", "one"),
        ("assistant", "to one"),
        ("user", "two"),
        ("assistant", "to two"),
        ("user", "three"),
    ]
    assert "previous_response_id" not in last.request
    assert last.before == (first.call_id, second[0].call_id)
    assert last.unit == first.unit  # one conversation: no part of it may test what another has taught
    assert last.head_hash == head_hash({"messages": [SYSTEM]})
    assert last.input_hash == input_hash(last.request)


def test_tool_calls_of_an_earlier_answer_are_followed_by_their_results(told):
    tool = {"type": "function", "name": "find", "parameters": {"type": "object"}}
    first = asked("responses", "one", tools=[tool])
    wants = {"type": "function_call", "call_id": "c1", "name": "find", "arguments": "{}"}
    body = json.dumps({"id": "r1", "status": "completed", "output": [wants]}).encode()
    result = {"type": "function_call_output", "call_id": "c1", "output": "found"}
    second = goes_on("two", "r1", "r2", tools=[tool], input=[result])
    told.add(first, attempt(first, body=body), *second)
    *_, last = told.log.exchanges([FP], limit=5, newest_first=False)
    assert [m["role"] for m in last.request["messages"]] == ["system", "user", "assistant", "tool"]
    assert last.request["messages"][2]["tool_calls"][0]["id"] == last.request["messages"][3]["tool_call_id"]


def test_a_chain_is_not_followed_across_tenants_in_circles_or_for_ever(told):
    first, answer = answered("responses", "one", "to one", name="r1")
    told.add(call("one", surface="responses", body=first.body, tenant="other", call_id=first.call_id), answer)
    told.add(*goes_on("two", "r1", "r2"), *goes_on("three", "r4", "r3"), *goes_on("four", "r3", "r4"))
    told.add(*(record for n in range(60) for record in goes_on(f"n{n}", f"s{n - 1}", f"s{n}")))
    told.add(*answered("responses", "root", "to root", name="s-1"))
    why = [one.untold for one in told.log.exchanges([FP], limit=100, newest_first=False)]
    assert why == ["", *["earlier_unknown"] * 3, *[""] * 50, *["earlier_unknown"] * 10, ""]


def test_chains_are_looked_up_together(told, monkeypatch):
    told.add(*(record for n in range(40) for record in answered("responses", f"a{n}", "x", name=f"a{n}")))
    told.add(*(record for n in range(40) for record in goes_on(f"b{n}", f"a{n}", f"b{n}")))
    told.add(*(record for n in range(40) for record in goes_on(f"c{n}", f"b{n}", f"c{n}")))
    asked_, read = [], told.log._database.read
    monkeypatch.setattr(told.log._database, "read", lambda name, **v: asked_.append(name) or read(name, **v))
    assert not any(one.untold for one in told.log.exchanges([FP], limit=200))
    assert asked_.count("learning.earlier") == 1  # the first step finds what the second would ask for


def test_what_was_erased_is_not_in_what_goes_on_from_it(told):
    first, second = answered("responses", "one", "to one", name="r1"), goes_on("two", "r1", "r2")
    told.add(*first, *second)
    told.log.erase([first[0].call_id])
    [left] = told.log.exchanges([FP], limit=5)
    assert (left.call_id, left.untold) == (second[0].call_id, "earlier_unknown")
