"""The openai SDK, 2.x and 3.x."""

from openai import AsyncOpenAI, OpenAI
from scenarios import ASK, BASE, BIG, IMAGE, KEY, MODEL, SCHEMA, TOOLS, failing, looking, run

client = OpenAI(api_key=KEY, base_url=BASE, timeout=20)
ASKED = {"model": MODEL, "messages": ASK}
FLAT = [{"type": "function", **tool["function"]} for tool in TOOLS]
FORMAT = {"type": "json_schema", "json_schema": {"name": "stay", "schema": SCHEMA, "strict": True}}


def plain():
    raw = client.chat.completions.with_raw_response.create(**ASKED)
    kept = ("x-request-id", "openai-processing-ms", "x-ratelimit-remaining-requests")
    return [raw.text, raw.parse(), {name: raw.headers.get(name) for name in kept}]


def stream():
    return list(client.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True}))


def stream_without_usage():
    return list(client.chat.completions.create(**ASKED, stream=True))


def parallel_tools():
    return client.chat.completions.create(**ASKED, tools=TOOLS)


def parallel_tools_streamed():
    with client.chat.completions.stream(**ASKED, tools=TOOLS) as events:
        return [[event.type for event in events], events.get_final_completion()]


def one_tool_at_once():
    return client.chat.completions.create(**ASKED, tools=TOOLS, parallel_tool_calls=False)


def tool_result():
    first = client.chat.completions.create(**ASKED, tools=TOOLS).choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "rain"} for call in first.tool_calls]
    return client.chat.completions.create(model=MODEL, messages=[*ASK, first, *results], tools=TOOLS)


def structured_output():
    return client.chat.completions.create(**ASKED, response_format=FORMAT)


def logprobs():
    return client.chat.completions.create(**ASKED, logprobs=True, top_logprobs=2)


def logprobs_streamed():
    return list(client.chat.completions.create(**ASKED, logprobs=True, stream=True))


def two_choices():
    return client.chat.completions.create(**ASKED, n=2)


def two_choices_streamed():
    return list(client.chat.completions.create(**ASKED, n=2, stream=True))


def image():
    return client.chat.completions.create(model=MODEL, messages=looking(IMAGE))


def large_body():
    return client.chat.completions.create(model=MODEL, messages=looking(BIG))


def refusal():
    return list(client.chat.completions.create(model="gpt-4o-refuse", messages=ASK, stream=True))


def error_400():
    return client.chat.completions.create(model=failing("400"), messages=ASK)


def error_401():
    return client.chat.completions.create(model=failing("401"), messages=ASK)


def error_429():
    return client.chat.completions.create(model=failing("429"), messages=ASK)


def error_500():
    return client.chat.completions.create(model=failing("500"), messages=ASK)


def error_500_not_to_be_retried():
    return client.chat.completions.create(model=failing("500-for-good"), messages=ASK)


def retried_twice():
    return client.chat.completions.create(model=failing("twice-429"), messages=ASK)


def error_in_stream():
    return list(client.chat.completions.create(model=failing("error-event"), messages=ASK, stream=True))


def embeddings():
    return client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])


def embeddings_as_floats():
    return client.embeddings.create(model="text-embedding-3-small", input="a", encoding_format="float")


def models():
    return [list(client.models.list()), client.models.retrieve("gpt-4o")]


def text_completion():
    return client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once")


def text_completion_streamed():
    return list(client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once", stream=True))


def responses():
    return client.responses.create(model=MODEL, instructions="Be brief.", input="Grüße")


def responses_streamed():
    return list(client.responses.create(model=MODEL, input="Grüße", stream=True))


def responses_tools():
    return client.responses.create(model=MODEL, input="Grüße", tools=FLAT)


def responses_tools_streamed():
    return list(client.responses.create(model=MODEL, input="Grüße", tools=FLAT, stream=True))


def responses_structured():
    form = {"format": {"type": "json_schema", "name": "stay", "schema": SCHEMA, "strict": True}}
    return client.responses.create(model=MODEL, input="Grüße", text=form)


def responses_error_429():
    return client.responses.create(model=failing("429"), input="Grüße")


def unknown_members():
    return client.chat.completions.create(**ASKED, extra_body={"unheard_of": [1.50, None, {"ü": "\u2028"}]})


async def cancelled():
    async with AsyncOpenAI(api_key=KEY, base_url=BASE) as own:
        stream = await own.chat.completions.create(model=failing("hung"), messages=ASK, stream=True)
        first = await anext(aiter(stream))
        await stream.close()
        return first


run(
    *(plain, stream, stream_without_usage, parallel_tools, parallel_tools_streamed, one_tool_at_once),
    *(tool_result, structured_output, logprobs, logprobs_streamed, two_choices, two_choices_streamed, image),
    *(large_body, refusal, error_400, error_401, error_429, error_500, error_500_not_to_be_retried),
    *(retried_twice, error_in_stream, embeddings, embeddings_as_floats, models, text_completion),
    *(text_completion_streamed, responses, responses_streamed, responses_tools, responses_tools_streamed),
    *(responses_structured, responses_error_429, unknown_members, cancelled),
)
