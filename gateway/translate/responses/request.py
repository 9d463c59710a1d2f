"""A Responses request said as a chat request. Knows no answer.

Two defaults differ and are made explicit: a response is stored, and a function is strict, unless it says no.
"""

from __future__ import annotations

from gateway.translate.errors import Untranslatable
from gateway.translate.fields import Object, an_object, given, known, objects, text
from gateway.translate.responses import items

_SAME = (
    "metadata",
    "model",
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "stream",
    "temperature",
    "top_p",
    "user",
)
_BARRED = {  # whatever they say but nothing
    "previous_response_id": "stateful",
    "conversation": "stateful",
    "background": "background",
    "prompt": "prompt_template",
}
# Left out: they bound what hosted tools do, how a prompt too long is cut, and how events are padded.
_LEFT_OUT = ("max_tool_calls", "truncation", "stream_options")
_READ = ("include", "input", "instructions", "max_output_tokens", "reasoning", "store", "text")
_KNOWN = frozenset((*_SAME, *_BARRED, *_LEFT_OUT, *_READ, "tool_choice", "tools", "top_logprobs"))
_LOGPROBS = "message.output_text.logprobs"
_TOOL = frozenset({"type", "name", "description", "parameters", "strict"})


def request(body: Object) -> Object:
    """Give the chat request. Raises `Untranslatable`."""
    for name, reason in _BARRED.items():
        if body.get(name):
            raise Untranslatable(reason)
    known(body, _KNOWN)
    chat = given(body, _SAME)
    chat["messages"] = [*_instructions(body), *items.messages(body.get("input"))]
    if body.get("max_output_tokens") is not None:
        chat["max_completion_tokens"] = body["max_output_tokens"]
    if body.get("store") is not False:
        chat["store"] = True
    if body.get("stream") is True:
        chat["stream_options"] = {"include_usage": True}  # events always tell it
    return {**chat, **_tools(body), **_text(body), **_reasoning(body), **_logprobs(body)}


def _instructions(body: Object) -> list[Object]:
    if body.get("instructions") is None:
        return []
    return [{"role": "system", "content": text(body["instructions"])}]


def _tools(body: Object) -> Object:
    chat: Object = {}
    if body.get("tools") is not None:
        chat["tools"] = [_tool(tool) for tool in objects(body["tools"])]
    if body.get("tool_choice") is not None:
        chat["tool_choice"] = _choice(body["tool_choice"])
    return chat


def _tool(tool: Object) -> Object:
    if tool.get("type") != "function":
        raise Untranslatable("hosted_tool")
    known(tool, _TOOL)
    function = {"name": text(tool.get("name")), **given(tool, ("description", "parameters"))}
    if tool.get("strict") is not False:
        function["strict"] = True
    return {"type": "function", "function": function}


def _choice(choice: object) -> object:
    if isinstance(choice, str):
        return choice
    wanted = an_object(choice)
    if wanted.get("type") == "function":
        return _named(wanted)
    if wanted.get("type") == "allowed_tools":
        tools = objects(wanted.get("tools"))
        if all(tool.get("type") == "function" for tool in tools):
            allowed = {"mode": wanted.get("mode"), "tools": [_named(tool) for tool in tools]}
            return {"type": "allowed_tools", "allowed_tools": allowed}
    raise Untranslatable("tool_choice")


def _named(tool: Object) -> Object:
    return {"type": "function", "function": {"name": text(tool.get("name"))}}


def _text(body: Object) -> Object:
    wanted = known(an_object(body.get("text")), ("format", "verbosity"))
    chat = given(wanted, ("verbosity",))
    format_ = an_object(wanted.get("format"))
    if format_.get("type") == "json_schema":
        schema = {name: said for name, said in format_.items() if name != "type" and said is not None}
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif format_.get("type") in ("text", "json_object"):
        chat["response_format"] = {"type": format_["type"]}
    elif format_:
        raise Untranslatable("response_format")
    return chat


def _reasoning(body: Object) -> Object:
    wanted = known(
        an_object(body.get("reasoning")), ("effort", "summary", "generate_summary", "context", "mode")
    )
    if wanted.get("mode") not in (None, "standard"):
        raise Untranslatable("reasoning_mode")
    return {"reasoning_effort": wanted["effort"]} if wanted.get("effort") is not None else {}


def _logprobs(body: Object) -> Object:
    """Without `include` none are shown; what else it names belongs to hosted tools and reasoning."""
    include = body.get("include") or []
    if not isinstance(include, list):
        raise Untranslatable("malformed")
    return {"logprobs": True, **given(body, ("top_logprobs",))} if _LOGPROBS in include else {}
