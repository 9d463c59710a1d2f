"""The real SDKs against answers that were made of chat completions: streamed or whole, one object."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import openai
import pytest
from translated import SURFACES, completion, message, wire
from upstream import Seen, Teller, Upstream, serving

CALLS = [
    {"id": f"call_{at}", "type": "function", "function": {"name": f"find_{at}", "arguments": f'{{"a":{at}}}'}}
    for at in range(3)
]
USAGE = {
    "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "prompt_tokens_details": {"cached_tokens": 5},
}  # fmt: skip
TEXT = completion(message(content="Hello there, you.\n"), usage=USAGE)
TOOLS = completion(message(content="Let me see.", tool_calls=CALLS), "tool_calls", usage=USAGE)
ANSWERS = pytest.mark.parametrize("student", [TEXT, TOOLS], ids=["text", "tools"])
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


class Student(Upstream):
    """A server that understands one surface with a student behind it."""

    def __init__(self, surface: str, said: dict[str, Any]) -> None:
        super().__init__(script=self.speak)
        self._surface = SURFACES[surface]
        self._said = said
        self._done = surface == "completions"
        self.asked: list[dict[str, Any]] = []

    async def speak(self, seen: Seen, out: Teller) -> None:
        self.asked.append(self._surface.request(seen.json))
        answer = self._surface.answer(self._said, seen.json)
        if seen.json.get("stream"):
            await out.head(200, [(b"content-type", b"text/event-stream")])
            await out.end(wire(self._surface.events(answer), done=self._done))
        else:
            await out.whole(200, json.dumps(answer).encode())


@asynccontextmanager
async def student_of(surface: str, said: dict[str, Any]) -> AsyncIterator[tuple[Student, str]]:
    student = Student(surface, said)
    async with serving(student) as (url,):
        yield student, url


def wired(value: Any) -> Any:
    """Give what came over the wire of an SDK's object: without what it parsed itself."""
    if isinstance(value, list):
        return [wired(one) for one in value]
    if isinstance(value, dict):
        ours = ("parsed", "parsed_arguments", "parsed_output")
        return {name: wired(one) for name, one in value.items() if name not in ours}
    return value


@ANSWERS
async def test_the_openai_sdk_reads_a_streamed_response_as_the_whole_one(student):
    tools: Any = [{"type": "function", "name": "find_0", "parameters": SCHEMA, "strict": False}]
    ask: Any = {"model": "gpt-x", "input": "hi", "instructions": "Be brief.", "tools": tools, "store": False,
                "temperature": 0.5, "metadata": {"task": "t"}, "max_output_tokens": 50}  # fmt: skip
    async with (
        student_of("responses", student) as (server, url),
        openai.AsyncOpenAI(api_key="k", base_url=url + "/v1", max_retries=0) as client,
    ):
        whole = await client.responses.create(**ask)
        async with client.responses.stream(**ask) as stream:
            kinds = [event.type async for event in stream]
            final = await stream.get_final_response()
    assert wired(final.to_dict()) == whole.to_dict()
    assert whole.output_text == student["choices"][0]["message"]["content"]
    assert whole.usage is not None
    assert whole.usage.input_tokens_details.cached_tokens == 5
    assert (whole.model, whole.instructions, whole.temperature, whole.store) == (
        "gpt-x",
        "Be brief.",
        0.5,
        False,
    )
    assert whole.id.startswith("resp_")
    calls = [item for item in whole.output if item.type == "function_call"]
    assert [(call.call_id, call.name) for call in calls] == [
        (call["id"], call["function"]["name"])
        for call in student["choices"][0]["message"].get("tool_calls", ())
    ]
    assert kinds[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
    assert kinds[-1] == "response.completed"
    assert server.asked[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]


@ANSWERS
async def test_the_anthropic_sdk_reads_a_streamed_message_as_the_whole_one(student):
    ask: Any = {
        "model": "claude-x", "max_tokens": 50, "system": "Be brief.", "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"name": "find_0", "input_schema": SCHEMA}],
    }  # fmt: skip
    async with (
        student_of("messages", student) as (server, url),
        anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as client,
    ):
        whole = await client.messages.create(**ask)
        async with client.messages.stream(**ask) as stream:
            final = await stream.get_final_message()
    assert wired(final.to_dict()) == whole.to_dict()
    spoken = student["choices"][0]["message"]
    assert [block.text for block in whole.content if block.type == "text"] == [spoken["content"]]
    assert [(block.name, block.input) for block in whole.content if block.type == "tool_use"] == [
        (call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in spoken.get("tool_calls", ())
    ]
    assert all(block.id.startswith("toolu_") for block in whole.content if block.type == "tool_use")
    assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens) == (4, 5)
    assert whole.stop_reason == ("tool_use" if "tool_calls" in spoken else "end_turn")
    assert server.asked[0]["max_completion_tokens"] == 50


async def test_the_openai_sdk_reads_a_streamed_text_completion_as_the_whole_one():
    ask: Any = {"model": "gpt-instruct", "prompt": "Say hello", "max_tokens": 9}
    async with (
        student_of("completions", TEXT) as (server, url),
        openai.AsyncOpenAI(api_key="k", base_url=url + "/v1", max_retries=0) as client,
    ):
        whole = await client.completions.create(**ask)
        stream = await client.completions.create(**ask, stream=True, stream_options={"include_usage": True})
        chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == whole.choices[0].text
    assert whole.choices[0].text == "Hello there, you.\n"
    assert {chunk.id for chunk in chunks} == {whole.id}
    assert chunks[-1].usage == whole.usage
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert server.asked[0]["messages"] == [{"role": "user", "content": "Say hello"}]


async def test_what_the_sdk_sends_back_in_the_next_turn_is_understood():
    async with (
        student_of("responses", TOOLS) as (server, url),
        openai.AsyncOpenAI(api_key="k", base_url=url + "/v1", max_retries=0) as client,
    ):
        first = await client.responses.create(model="m", input="hi", store=False)
        results: Any = [
            {"type": "function_call_output", "call_id": item.call_id, "output": "found"}
            for item in first.output
            if item.type == "function_call"
        ]
        said: Any = [{"role": "user", "content": "hi"}, *first.output, *results]
        await client.responses.create(model="m", input=said, store=False)
    assert server.asked[1]["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": CALLS},
        *({"role": "tool", "tool_call_id": call["id"], "content": "found"} for call in CALLS),
    ]


async def test_what_the_anthropic_sdk_sends_back_in_the_next_turn_is_understood():
    async with (
        student_of("messages", TOOLS) as (server, url),
        anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as client,
    ):
        ask: Any = {"model": "claude-x", "max_tokens": 50}
        first = await client.messages.create(**ask, messages=[{"role": "user", "content": "hi"}])
        used = [block for block in first.content if block.type == "tool_use"]
        results: Any = [
            {"type": "tool_result", "tool_use_id": block.id, "content": "found"} for block in used
        ]
        said: Any = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": [*results, {"type": "text", "text": "and now?"}]},
        ]
        await client.messages.create(**ask, messages=said)
    chat = server.asked[1]["messages"]
    assert [message["role"] for message in chat] == ["user", "assistant", "tool", "tool", "tool", "user"]
    assert [call["id"] for call in chat[1]["tool_calls"]] == [
        message["tool_call_id"] for message in chat[2:5]
    ]
    assert [call["function"] for call in chat[1]["tool_calls"]] == [call["function"] for call in CALLS]
    assert chat[5]["content"] == "and now?"
