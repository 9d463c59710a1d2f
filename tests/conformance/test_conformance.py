"""The harness's own parts: the mock speaks as the providers do, differences are found, the page tells of them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import anthropic
import httpx
import openai
import pytest

from . import compare, results
from .admin_suite import counts, failures, schema
from .compare import Difference, Run
from .drive import Driven
from .faults import Fault, Judged, judged
from .house import Kept
from .mock import Mock, Seen
from .mock.faults import FAULTS, STORM
from .replay import Replayed, replay
from .suites import Suite, compared, outcomes

TURN = [{"role": "user", "content": "Grüße"}]
SHAPE = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
TOOLS = [{"type": "function", "function": {"name": n, "strict": True, "parameters": SHAPE}} for n in "ab"]


@pytest.fixture
async def mock():
    async with Mock() as standing:
        yield standing


@pytest.fixture
async def client(mock):
    made = openai.AsyncOpenAI(
        api_key="k", base_url=mock.url + "/v1", _strict_response_validation=True, max_retries=4
    )
    async with made:
        yield made


async def test_chat_is_what_the_sdk_expects_whole_and_streamed(client):
    asked = {"model": "gpt-4o", "messages": TURN, "n": 2, "logprobs": True}
    whole = await client.chat.completions.create(**asked)
    async with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        final = await stream.get_final_completion()
    texts = [choice.message.content for choice in whole.choices]
    assert texts == [choice.message.content for choice in final.choices]
    assert texts[0].startswith("You said: Grüße")
    told = [len(choice.logprobs.content) for choice in (*whole.choices, *final.choices)]
    assert len(set(told)) == 1
    assert whole.usage.completion_tokens == final.usage.completion_tokens


async def test_parallel_tools_are_called_with_arguments_that_fit(client):
    async with client.chat.completions.stream(model="gpt-4o", messages=TURN, tools=TOOLS) as stream:
        message = (await stream.get_final_completion()).choices[0].message
    assert [call.function.name for call in message.tool_calls] == ["a", "b"]
    assert json.loads(message.tool_calls[1].function.arguments) == {"city": "wörd", "days": 7}


async def test_responses_stream_what_they_say_whole(client):
    flat = [{"type": "function", **tool["function"]} for tool in TOOLS]
    for more in ({}, {"tools": flat}, {"model": "gpt-refuse"}):
        asked = {"model": "gpt-4o", "input": "Grüße", **more}
        whole = await client.responses.create(**asked)
        events = [event async for event in await client.responses.create(**asked, stream=True)]
        assert [event.sequence_number for event in events] == list(range(len(events)))
        last = events[-1]
        assert last.type == "response.completed"
        assert [item.type for item in last.response.output] == [item.type for item in whole.output]
        done = [event.item for event in events if event.type == "response.output_item.done"]
        assert done == last.response.output


async def test_messages_are_what_anthropics_sdk_expects(mock):
    tools = [{"name": "a", "input_schema": SHAPE}]
    async with anthropic.AsyncAnthropic(
        api_key="k", base_url=mock.url, _strict_response_validation=True
    ) as sdk:
        for more in ({}, {"tools": tools}):
            asked = {"model": "claude", "max_tokens": 9, "messages": TURN, **more}
            whole = await sdk.messages.create(**asked)
            async with sdk.messages.stream(**asked) as stream:
                final = await stream.get_final_message()
            assert [b.type for b in final.content] == [b.type for b in whole.content]
            assert final.usage.output_tokens == whole.usage.output_tokens


async def test_faults_that_pass_pass_and_the_others_are_errors(client, mock):
    async def ask(fault):
        return await client.chat.completions.create(model=f"gpt-4o-fault-{fault}", messages=TURN)

    for fault, requests in (("storm", len(STORM) + 1), ("twice-500", 3), ("gzip", 1), ("until-close", 1)):
        mock.begin()
        assert (await ask(fault)).choices[0].finish_reason == "stop"
        assert len(mock.seen) == requests, fault
    for fault in ("400", "500-for-good"):
        with pytest.raises(openai.APIStatusError):
            await ask(fault)
    for fault in ("cut", "half-closed", "no-http", "wrong-encoding"):
        with pytest.raises(openai.APIConnectionError):
            await client.with_options(max_retries=0).chat.completions.create(
                model=f"gpt-4o-fault-{fault}", messages=TURN
            )
    assert {"hung", "silent", "trickle", "garbage"} <= FAULTS.keys()


async def test_a_hang_up_is_noticed(client, mock):
    stream = await client.chat.completions.create(model="gpt-4o-fault-hung", messages=TURN, stream=True)
    await anext(aiter(stream))
    await stream.close()
    async with asyncio.timeout(5):
        while not mock.left:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert [seen.json["model"] for seen in mock.left] == ["gpt-4o-fault-hung"]


def seen(**changes):
    given = {"method": "POST", "path": "/v1/x", "target": "/v1/x", "headers": (("a", "1"),), "body": b"{}"}
    return Seen(**{**given, **changes})


def test_what_differs_is_found_and_what_the_hop_decides_is_not():
    run = Run(saw={"plain": ["a"], "error": {}}, asked=(seen(),))
    hop = seen(headers=(("a", "1"), ("host", "other"), ("sec-fetch-mode", "cors")))
    assert compare.differences(run, replace(run, asked=(hop,))) == []
    for other in (
        replace(run, saw={"plain": ["b"], "error": {}}),
        replace(run, saw={"plain": ["a"]}),
        replace(run, asked=(seen(body=b"{ }"),)),
        replace(run, asked=(seen(headers=()),)),
        replace(run, asked=(seen(), seen())),
        replace(run, hung_up=1),
    ):
        assert len(compare.differences(run, other)) == 1
    error = {"error": "E", "message": "m", "status": 400}
    assert compare.failures(replace(run, saw={"plain": error, "error 400": error})) == ["plain"]


@pytest.mark.parametrize(
    ("fault", "direct", "through", "verdict"),
    [
        ("slow", "a", "a", Judged.SAME),
        ("slow", "a", {"error": "E", "message": "", "status": 502}, Judged.WORSE),
        ("short", "a", {"error": "E", "message": "", "status": None}, Judged.CAUGHT),
        ("short", "a", "b", Judged.WORSE),
        ("cut", {"error": "E", "message": "", "status": None}, "a", Judged.HIDDEN),
        (
            "cut",
            {"error": "E", "message": "", "status": None},
            {"error": "F", "message": "", "status": 502},
            Judged.OTHER_ERROR,
        ),
    ],
)
def test_faults_are_judged(fault, direct, through, verdict):
    assert judged(fault, direct, through) is verdict


async def test_a_replay_finds_one_changed_byte(mock):
    class Changed(Mock):
        async def _tell(self, one, out):
            changed = replace(one, body=one.body.replace(b"Gr", b"gr"))
            await super()._tell(changed, out)

    async with httpx.AsyncClient(base_url=mock.url, trust_env=False) as app:
        await app.post("/v1/chat/completions", json={"model": "gpt-4o", "messages": TURN})
    asked = mock.seen
    assert (await replay(asked, mock, mock.url)).different == []
    async with Changed() as other:
        found = await replay(asked, mock, other.url)
    assert [one.where.split()[0] for one in found.different] == ["headers", "body"]


def test_a_suite_is_compared_test_by_test(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="c" name="a"/><testcase classname="c" name="b">'
        '<failure message="m"/></testcase></testsuite></testsuites>'
    )
    found = outcomes(report, "")
    assert found == {"c::a": "passed", "c::b": "failed"}
    assert compared(found, found) == []
    assert compared(found, {"c::a": "passed"}) == [
        Difference(where="c::b", direct="failed", through="not run")
    ]


def test_schemathesis_is_read_and_the_admin_api_describes_itself():
    assert "/api/status" in schema()["paths"]
    good, bad = (
        counts(f"Test cases:\n  10 generated, {passed} passed{more}")
        for passed, more in ((10, ""), (8, ", 2 found 1 unique failures"))
    )
    assert failures(good) == []
    assert [one.through for one in failures(bad)] == ["8"]


def test_the_page_tells_what_was_found():
    driven = Driven(
        name="C", version="1", scenarios=3, requests=4, failed_directly=[], asked=(),
        different=[Difference(where="pl|ain", direct="a", through="b")],
    )  # fmt: skip
    fault = Fault(
        name="cut whole", direct="E", through="E 502", asked_direct=1, asked_through=1, judged=Judged.HIDDEN
    )
    found = results.Results(date="2026-11-23", gateway="0", clients=[driven], faults_of="C", faults=[fault])
    found.replayed = Replayed(requests=2, bytes=1000, different=[])
    found.suites.append(Suite(name="S", version="2", outcomes={"passed": 1000}, different=[]))
    found.skipped["D"] = "absent"
    page = results.page(found)
    assert "| C | 1 | 3 | 2 | 4 | pl\\|ain |" in page
    assert "| S | 2 | 1,000 passed | none |" in page
    assert "Not run: D (absent)." in page
    assert "| cut whole | E | E 502 | hidden |" in page
    assert not found.well
    driven.different.clear()
    found.faults.clear()
    assert found.well
    found.kept = Kept(calls=2, attempts=2, unanswered=1, unaccounted=[])
    assert not found.well
    assert "1 without an answer" in results.page(found)
    assert json.loads(results.to_json(found))["clients"][0]["name"] == "C"
