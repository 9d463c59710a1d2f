"""Chat requests and completions to draw, the same said on other surfaces, and streams of events."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from gateway.translate import completions, messages, responses

SSE = "text/event-stream; charset=utf-8"
JSON = "application/json"
SURFACES = {"completions": completions, "messages": messages, "responses": responses}
IDS = {"messages": "toolu_01a", "responses": "call_a"}
ASKED = {"model": "asked-model"}

words = st.text(max_size=12)
said = st.text(min_size=1, max_size=24)
counts = st.integers(0, 2**40)
name = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | words, lambda s: st.lists(s, max_size=3) | st.dictionaries(words, s, max_size=3), max_leaves=6,
)  # fmt: skip
objects = st.dictionaries(words, plain, max_size=3)


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def wire(events: Any, *, done: bool = False) -> bytes:
    """Write events as a server does."""
    lines = [(f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n" for name, data in events]
    return ("".join(lines) + ("data: [DONE]\n\n" if done else "")).encode()


def streamed(surface: str, answer: dict[str, Any]) -> bytes:
    return wire(SURFACES[surface].events(answer), done=surface == "completions")


@st.composite
def calls(draw: Any, prefix: str, *, least: int = 1) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{prefix}{at}",
            "type": "function",
            "function": {"name": draw(name), "arguments": compact(draw(objects))},
        }
        for at in range(draw(st.integers(least, 3)))
    ]


@st.composite
def turns(draw: Any, prefix: str) -> list[dict[str, Any]]:
    image = st.sampled_from(["https://x.y/z.png", "data:image/png;base64,AAAA"])
    part = st.builds(lambda t: {"type": "text", "text": t}, said) | st.builds(
        lambda u: {"type": "image_url", "image_url": {"url": u}}, image
    )
    parts = st.lists(part, min_size=2, max_size=3)
    chat: list[dict[str, Any]] = [{"role": "user", "content": draw(said | parts)}]
    shape = draw(st.sampled_from(["user", "answer", "calls"]))
    if shape == "calls":
        asked = draw(calls(prefix))
        chat.append({"role": "assistant", "content": draw(st.none() | said), "tool_calls": asked})
        chat += [{"role": "tool", "tool_call_id": call["id"], "content": draw(words)} for call in asked]
    if shape != "user":
        chat.append({"role": "assistant", "content": draw(said)})
    return chat


@st.composite
def requests(draw: Any, surface: str) -> dict[str, Any]:
    """Draw a chat request of which `surface` can say everything."""
    chat: dict[str, Any] = {"model": draw(said), "messages": []}
    if draw(st.booleans()):
        chat["messages"].append({"role": "system", "content": draw(said)})
    for turn in draw(st.lists(turns(IDS[surface]), min_size=1, max_size=3)):
        chat["messages"] += turn
    chat["messages"].append({"role": "user", "content": draw(said)})
    if draw(st.booleans()):
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    options = {"temperature": st.floats(0, 1), "top_p": st.floats(0, 1), "max_completion_tokens": counts, "user": said,
               "reasoning_effort": st.sampled_from(["low", "high"])}  # fmt: skip
    if surface == "responses":
        options |= {"metadata": st.dictionaries(said, said, max_size=2), "store": st.just(value=True),
                    "parallel_tool_calls": st.booleans(), "verbosity": st.just("low"), "safety_identifier": said,
                    "prompt_cache_key": said, "service_tier": st.just("flex"), "logprobs": st.just(value=True)}  # fmt: skip
    else:
        options["stop"] = st.lists(said, max_size=2)
    schema = {"name": draw(name) if surface == "responses" else "answer",
              "schema": {"type": "object"}, "strict": True}  # fmt: skip
    options["response_format"] = st.just({"type": "json_schema", "json_schema": schema})
    if draw(st.booleans()):
        chat["tools"] = draw(st.lists(tools(), min_size=1, max_size=2))
        named = {"type": "function", "function": {"name": chat["tools"][0]["function"]["name"]}}
        options["tool_choice"] = st.sampled_from(["auto", "required", "none", named])
    for option, values in options.items():
        if draw(st.booleans()):
            chat[option] = draw(values)
    return chat


@st.composite
def tools(draw: Any) -> dict[str, Any]:
    function = {"name": draw(name), "parameters": {"type": "object", **draw(objects)}}
    more = draw(st.sampled_from([{}, {"strict": True}, {"description": "what it does"}]))
    return {"type": "function", "function": {**function, **more}}


def message(**more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "refusal": None, **more}


def completion(
    spoken: dict[str, Any], reason: str = "stop", *, logprobs: Any = None, usage: Any = None
) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "student",
        "choices": [{"index": 0, "message": spoken, "logprobs": logprobs, "finish_reason": reason}],
        "usage": usage or {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }  # fmt: skip


@st.composite
def usages(draw: Any, *more: str) -> dict[str, Any]:
    cached, kept, fresh, written = (draw(counts) for _ in range(4))
    usage: dict[str, Any] = {"prompt_tokens": cached + kept + fresh, "completion_tokens": written}
    usage["total_tokens"] = usage["prompt_tokens"] + written
    usage["prompt_tokens_details"] = {"cached_tokens": cached, "cache_write_tokens": kept}
    return usage | {one: {"reasoning_tokens": draw(counts)} for one in more}


@st.composite
def answers(draw: Any, surface: str) -> dict[str, Any]:
    """Draw a student's completion of which `surface` can say everything."""
    spoken, logprobs, reason = message(content=draw(words)), None, draw(st.sampled_from(["stop", "length"]))
    if surface == "responses":
        if spoken["content"] and draw(st.booleans()):
            cited = {"start_index": 0, "end_index": 1, "title": draw(words), "url": "https://x.y"}
            spoken["annotations"] = [{"type": "url_citation", "url_citation": cited}]
        if spoken["content"] and draw(st.booleans()):
            tokens = [
                {"token": t, "logprob": -0.5, "bytes": list(t.encode()), "top_logprobs": []} for t in spoken["content"]
            ]  # fmt: skip
            logprobs = {"content": tokens, "refusal": None}
    if surface != "completions" and draw(st.booleans()):
        spoken["content"] = spoken["content"] or None
        spoken["tool_calls"] = draw(calls(IDS[surface]))
        reason = "tool_calls"
    details = ("completion_tokens_details",) if surface == "responses" else ()
    return completion(spoken, reason, logprobs=logprobs, usage=draw(usages(*details)))
