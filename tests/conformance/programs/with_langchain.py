"""LangChain's chat model and embeddings for OpenAI."""

from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from scenarios import ASK, BASE, BIG, IMAGE, KEY, MODEL, SCHEMA, TOOLS, failing, looking, run

TURNS = [(turn["role"], turn["content"]) for turn in ASK]
NAMED = {"title": "stay", "description": "A stay.", **SCHEMA}


def model(name=MODEL, **options):
    return ChatOpenAI(model=name, api_key=KEY, base_url=BASE, timeout=20, **options)


def seen(message):
    """What an app reads; ids of runs are random."""
    told = message.model_dump(mode="json")
    return {name: value for name, value in told.items() if not (name == "id" and "run-" in str(value))}


def listed(stream):
    return [
        {
            "content": m.content,
            "calls": m.tool_call_chunks,
            "usage": m.usage_metadata,
            "meta": m.response_metadata,
        }
        for m in stream
    ]


def plain():
    return seen(model().invoke(TURNS))


def stream():
    return listed(model().stream(TURNS))


def stream_with_usage():
    return listed(model(stream_usage=True).stream(TURNS))


def tools():
    return seen(model().bind_tools(TOOLS).invoke(TURNS))


def tools_streamed():
    return listed(model().bind_tools(TOOLS).stream(TURNS))


def structured_output():
    return model().with_structured_output(NAMED, method="json_schema").invoke(TURNS)


def structured_by_function():
    return model().with_structured_output(NAMED, method="function_calling").invoke(TURNS)


def logprobs():
    return seen(model(logprobs=True).invoke(TURNS))


def two_choices():
    return [
        [seen(one.message) for one in many] for many in model(n=2).generate([TURNS_AS_MESSAGES]).generations
    ]


def image():
    return seen(model().invoke(looking(IMAGE)))


def large_body():
    return seen(model().invoke(looking(BIG)))


def refusal():
    return seen(model("gpt-4o-refuse").invoke(TURNS))


def error_400():
    return model(failing("400")).invoke(TURNS)


def error_429():
    return model(failing("429"), max_retries=2).invoke(TURNS)


def error_500():
    return model(failing("500"), max_retries=0).invoke(TURNS)


def error_in_stream():
    return listed(model(failing("error-event")).stream(TURNS))


def retried_twice():
    return seen(model(failing("twice-429")).invoke(TURNS))


def responses():
    return seen(model(use_responses_api=True).invoke(TURNS))


def responses_tools_streamed():
    return listed(model(use_responses_api=True).bind_tools(TOOLS).stream(TURNS))


async def asynchronous_stream():
    return listed([m async for m in model().astream(TURNS)])


def embeddings():
    kind = OpenAIEmbeddings(
        model="text-embedding-3-small", api_key=KEY, base_url=BASE, check_embedding_ctx_length=False
    )
    return kind.embed_documents(["a", "b"])


def cancelled():
    stream = model(failing("hung")).stream(TURNS)
    first = next(stream).content
    stream.close()
    return first


TURNS_AS_MESSAGES = model()._convert_input(TURNS).to_messages()
run(
    *(plain, stream, stream_with_usage, tools, tools_streamed, structured_output, structured_by_function),
    *(logprobs, two_choices, image, large_body, refusal, error_400, error_429, error_500, error_in_stream),
    *(retried_twice, responses, responses_tools_streamed, asynchronous_stream, embeddings, cancelled),
)
