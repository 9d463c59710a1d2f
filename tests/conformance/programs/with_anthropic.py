"""Anthropic's SDK, against the mock's other API."""

from anthropic import Anthropic, AsyncAnthropic
from scenarios import BASE, BIG, IMAGE, KEY, NAMES, SCHEMA, failing, run

client = Anthropic(api_key=KEY, base_url=BASE, timeout=20)
MODEL = "claude-sonnet-4-5"
TURN = [{"role": "user", "content": "Grüße aus Köln"}]
ASKED = {"model": MODEL, "max_tokens": 64, "system": "Be brief.", "messages": TURN}
TOOLS = [{"name": name, "input_schema": SCHEMA} for name in NAMES]


def looking(uri):
    source = {"type": "base64", "media_type": "image/png", "data": uri.partition(",")[2]}
    return [
        {"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": "What?"}]}
    ]


def asked(**changes):
    return client.messages.create(**{**ASKED, **changes})


def plain():
    raw = client.messages.with_raw_response.create(**ASKED)
    return [raw.text() if callable(raw.text) else raw.text, raw.parse()]


def stream():
    return list(asked(stream=True))


def stream_helper():
    with client.messages.stream(**ASKED) as events:
        return [[event.type for event in events], events.get_final_message()]


def parallel_tools():
    return asked(tools=TOOLS)


def parallel_tools_streamed():
    with client.messages.stream(**ASKED, tools=TOOLS) as events:
        return events.get_final_message()


def tool_result():
    uses = asked(tools=TOOLS).content
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": "rain"} for use in uses]
    turns = [*TURN, {"role": "assistant", "content": uses}, {"role": "user", "content": results}]
    return asked(tools=TOOLS, messages=turns)


def count_tokens():
    return client.messages.count_tokens(model=MODEL, messages=TURN)


def image():
    return asked(messages=looking(IMAGE))


def large_body():
    return asked(messages=looking(BIG))


def refusal():
    return asked(model="claude-refuse")


def models():
    return list(client.models.list())


def error_400():
    return asked(model=failing("400"))


def error_429():
    return asked(model=failing("429"))


def error_500():
    return asked(model=failing("500"))


def retried_twice():
    return asked(model=failing("twice-429"))


async def cancelled():
    async with AsyncAnthropic(api_key=KEY, base_url=BASE) as own:
        stream = await own.messages.create(**{**ASKED, "model": failing("hung")}, stream=True)
        first = await anext(aiter(stream))
        await stream.close()
        return first


run(
    *(plain, stream, stream_helper, parallel_tools, parallel_tools_streamed, tool_result, count_tokens),
    *(image, large_body, refusal, models, error_400, error_429, error_500, retried_twice, cancelled),
)
