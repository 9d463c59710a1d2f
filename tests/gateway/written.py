"""Chat requests said by hand on the other surfaces: what `request` has to read back. Knows no gateway."""

from __future__ import annotations

import json
from typing import Any

Object = dict[str, Any]


def responses_body(chat: Object, *, long: bool) -> Object:
    """Say a chat request as an app of the Responses API does; `long` spells out every text."""
    same = {k: v for k, v in chat.items() if k not in _CHAT_ONLY}
    said = list(chat["messages"])
    body: Object = {**same, "store": chat.get("store", False)}
    if said[0]["role"] == "system" and not long:
        body["instructions"] = said.pop(0)["content"]
    body["input"] = [item for message in said for item in _items(message, long=long)]
    if "max_completion_tokens" in chat:
        body["max_output_tokens"] = chat["max_completion_tokens"]
    if "reasoning_effort" in chat:
        body["reasoning"] = {"effort": chat["reasoning_effort"], "summary": "auto"}
    text: Object = {"verbosity": chat["verbosity"]} if "verbosity" in chat else {}
    if "response_format" in chat:
        text["format"] = {"type": "json_schema", **chat["response_format"]["json_schema"]}
    if text:
        body["text"] = text
    if "tools" in chat:
        body["tools"] = [{"type": "function", "strict": False, **tool["function"]} for tool in chat["tools"]]
    if isinstance(chat.get("tool_choice"), dict):
        body["tool_choice"] = {"type": "function", **chat["tool_choice"]["function"]}
    if chat.get("logprobs"):
        body["include"] = ["reasoning.encrypted_content", "message.output_text.logprobs"]
    return body


_CHAT_ONLY = {"messages", "max_completion_tokens", "reasoning_effort", "verbosity", "response_format", "tools", "logprobs",
              "stream_options", "store"}  # fmt: skip


def _items(message: Object, *, long: bool) -> list[Object]:
    role, content = message["role"], message["content"]
    if role == "tool":
        output = [{"type": "input_text", "text": content}] if long else content
        return [{"type": "function_call_output", "call_id": message["tool_call_id"], "output": output}]
    items: list[Object] = []
    if content is not None:
        kind = "output_text" if role == "assistant" else "input_text"
        parts = (
            [{"type": kind, "text": content}] if isinstance(content, str) else [_input(p) for p in content]
        )
        items.append({"role": role, "content": content if isinstance(content, str) and not long else parts})
        if long:
            items = [{"type": "reasoning", "id": "rs_1", "summary": []}, _complete(items[0])]
    for call in message.get("tool_calls", ()):
        items.append({"type": "function_call", "call_id": call["id"], "id": "fc_1", **call["function"]})
    return items


def _complete(item: Object) -> Object:
    """Give an item as the provider gives it, and SDKs send it back."""
    if item["role"] != "assistant":
        return {"type": "message", **item}
    parts = [{**part, "annotations": [], "logprobs": []} for part in item["content"]]
    return {"type": "message", "id": "msg_1", "status": "completed", **item, "content": parts}


def _input(part: Object) -> Object:
    if part["type"] == "text":
        return {"type": "input_text", "text": part["text"]}
    return {"type": "input_image", "image_url": part["image_url"]["url"]}


def messages_body(chat: Object, *, long: bool) -> Object:
    """Say a chat request as an app of the Messages API does; `long` spells out every text."""
    same = ("model", "stream", "temperature", "top_p")
    body: Object = {k: chat[k] for k in same if k in chat}
    said = list(chat["messages"])
    if said[0]["role"] == "system":
        body["system"] = _blocks(said.pop(0)["content"]) if long else said.pop(0)["content"]
    body["messages"] = []
    for message in said:
        _add(body["messages"], message, long=long)
    for ours, theirs in (("max_completion_tokens", "max_tokens"), ("stop", "stop_sequences")):
        if ours in chat:
            body[theirs] = chat[ours]
    if "user" in chat:
        body["metadata"] = {"user_id": chat["user"]}
    output: Object = {"effort": chat["reasoning_effort"]} if "reasoning_effort" in chat else {}
    if "response_format" in chat:
        output["format"] = {"type": "json_schema", "schema": chat["response_format"]["json_schema"]["schema"]}
    if output:
        body |= {"output_config": output, "thinking": {"type": "adaptive"}}
    if "tools" in chat:
        body["tools"] = [_tool(tool["function"]) for tool in chat["tools"]]
    if "tool_choice" in chat:
        body["tool_choice"] = _choice(chat["tool_choice"])
    return body


def _choice(choice: Any) -> Object:
    if isinstance(choice, dict):
        return {"type": "tool", **choice["function"]}
    return {"type": "any" if choice == "required" else choice}


def _tool(function: Object) -> Object:
    rest = {k: v for k, v in function.items() if k != "parameters"}
    return {**rest, "input_schema": function["parameters"], "cache_control": {"type": "ephemeral"}}


def _blocks(content: Any) -> list[Object]:
    if isinstance(content, str):
        return [{"type": "text", "text": content, "cache_control": {"type": "ephemeral"}}]
    return [part if part["type"] == "text" else _image(part["image_url"]["url"]) for part in content]


def _image(url: str) -> Object:
    source = {"type": "url", "url": url}
    if url.startswith("data:"):
        kind, _, data = url.removeprefix("data:").partition(";base64,")
        source = {"type": "base64", "media_type": kind, "data": data}
    return {"type": "image", "source": source}


def _add(said: list[Object], message: Object, *, long: bool) -> None:
    role, content = message["role"], message["content"]
    if role == "tool":
        result = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": content}
        if long:
            result |= {"content": _blocks(content), "is_error": False}
        before = said[-1]["content"]
        if said[-1]["role"] == "user" and isinstance(before, list) and before[0]["type"] == "tool_result":
            before.append(result)
        else:
            said.append({"role": "user", "content": [result]})
        return
    calls = message.get("tool_calls", ())
    if isinstance(content, str) and not long and not calls:
        said.append({"role": role, "content": content})
        return
    blocks = (
        [{"type": "thinking", "thinking": "hm", "signature": "s"}] if long and role == "assistant" else []
    )
    blocks += [] if content is None else _blocks(content)
    for call in calls:
        function = call["function"]
        used = {"id": call["id"], "name": function["name"], "input": json.loads(function["arguments"])}
        blocks.append({"type": "tool_use", **used})
    said.append({"role": role, "content": blocks})
