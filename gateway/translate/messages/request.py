"""A Messages request said as a chat request. Knows no answer."""

from __future__ import annotations

from gateway.translate.errors import Untranslatable
from gateway.translate.fields import Object, an_object, given, known, objects, text
from gateway.translate.messages import blocks

_SAME = ("model", "stream", "temperature", "top_p")
_BARRED = ("container", "top_k")  # each is its own reason
# Left out: where and how fast it is computed, what is cached, what is measured; none of it is said.
_LEFT_OUT = (
    "cache_control",
    "diagnostics",
    "inference_geo",
    "service_tier",
    "speed",
    "user_profile_id",
    "workspace_id",
)
_READ = ("max_tokens", "messages", "metadata", "output_config", "stop_sequences", "system", "thinking")
_KNOWN = frozenset((*_SAME, *_LEFT_OUT, *_READ, "tool_choice", "tools"))
_TOOL = frozenset(
    {"type", "name", "description", "input_schema", "strict", "cache_control", "eager_input_streaming"}
)
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_FREE_THINKING = ("adaptive", "disabled")  # no budget is set
FORMAT = "answer"  # chat wants a name for a schema, messages give none


def request(body: Object) -> Object:
    """Give the chat request. Raises `Untranslatable`."""
    for name in _BARRED:
        if body.get(name) is not None:
            raise Untranslatable(name)
    known(body, _KNOWN)
    if an_object(body.get("thinking")).get("type", "disabled") not in _FREE_THINKING:
        raise Untranslatable("thinking")
    chat = given(body, _SAME)
    chat["messages"] = [*_system(body), *blocks.messages(body.get("messages"))]
    for theirs, ours in (("max_tokens", "max_completion_tokens"), ("stop_sequences", "stop")):
        if body.get(theirs) is not None:
            chat[ours] = body[theirs]
    user = known(an_object(body.get("metadata")), ("user_id",)).get("user_id")
    if user is not None:
        chat["user"] = user
    if body.get("stream") is True:
        chat["stream_options"] = {"include_usage": True}  # events always tell it
    return {**chat, **_tools(body), **_output(body)}


def _system(body: Object) -> list[Object]:
    said = body.get("system")
    if said is None:
        return []
    return [{"role": "system", "content": said if isinstance(said, str) else blocks.texts(objects(said))}]


def _tools(body: Object) -> Object:
    chat: Object = {}
    if body.get("tools") is not None:
        chat["tools"] = [_tool(tool) for tool in objects(body["tools"])]
    choice = known(an_object(body.get("tool_choice")), ("type", "name", "disable_parallel_tool_use"))
    kind = choice.get("type")
    if isinstance(kind, str) and kind in _CHOICES:
        chat["tool_choice"] = _CHOICES[kind]
    elif kind == "tool":
        chat["tool_choice"] = {"type": "function", "function": {"name": text(choice.get("name"))}}
    elif choice:
        raise Untranslatable("tool_choice")
    if choice.get("disable_parallel_tool_use"):
        chat["parallel_tool_calls"] = False
    return chat


def _tool(tool: Object) -> Object:
    if tool.get("type") not in (None, "custom"):
        raise Untranslatable("hosted_tool")
    known(tool, _TOOL)
    function = {"name": text(tool.get("name")), **given(tool, ("description",))}
    function["parameters"] = an_object(tool.get("input_schema"))
    if tool.get("strict"):
        function["strict"] = True
    return {"type": "function", "function": function}


def _output(body: Object) -> Object:
    wanted = known(an_object(body.get("output_config")), ("effort", "format"))
    chat: Object = {"reasoning_effort": wanted["effort"]} if wanted.get("effort") is not None else {}
    format_ = known(an_object(wanted.get("format")), ("type", "schema"))
    if format_.get("type") == "json_schema":
        schema = {"name": FORMAT, "schema": an_object(format_.get("schema")), "strict": True}
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif format_:
        raise Untranslatable("response_format")
    return chat
