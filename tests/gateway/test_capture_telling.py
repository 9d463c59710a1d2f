"""A stream's outcome without its words is that with them, however the stream is written."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway import outcome
from gateway.capture import sse

_SAID = st.sampled_from(["hi", "", 'finish_reason":null', '"error"', "é\\", "[DONE]", None])
_ENDS = st.sampled_from([None, None, None, "stop", "length", "content_filter"])
_DELTA = st.fixed_dictionaries({"content": _SAID}, optional={"refusal": st.sampled_from([None, "no", ""])})
_CHOICE = st.fixed_dictionaries(
    {"index": st.sampled_from([0, 0, 1]), "delta": _DELTA, "finish_reason": _ENDS}
)
_USED = st.sampled_from([None, {"prompt_tokens": 3, "completion_tokens": 4}])
_CHUNK = st.fixed_dictionaries(
    {"id": st.just("x"), "choices": st.lists(_CHOICE, max_size=2)}, optional={"usage": _USED}
) | st.sampled_from([{"error": {"message": "no"}}, {"type": "response.failed"}])


@st.composite
def _event(draw: st.DrawFn) -> str:
    apart = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    data = json.dumps(draw(_CHUNK), separators=apart, ensure_ascii=draw(st.booleans()))
    if draw(st.integers(0, 9)) == 0:  # another way to spell a name, or no JSON at all
        data = draw(st.sampled_from([data.replace("finish_reason", "f\\u0069nish_reason"), data[:-3]]))
    before = draw(st.sampled_from(["data: ", "data: ", "data:", "event: x\ndata: ", ": note\n\ndata: "]))
    return before + data + draw(st.sampled_from(["\n\n", "\n\n", "\n\n", "\r\n\r\n", "\n\n\n", "\n"]))


@given(st.lists(_event(), max_size=8), st.booleans())
def test_what_is_left_out_tells_nothing(events, done):
    body = ("".join(events) + ("data: [DONE]\n\n" if done else "")).encode()
    assert list(sse.data(body)) == [event.data for event in sse.events(body)]
    whole = outcome.judge("chat", "text/event-stream", 200, body)
    brief = outcome.judge("chat", "text/event-stream", 200, body, words=False)
    assert brief.outcome == whole.outcome
    assert brief.answer.usage == whole.answer.usage
