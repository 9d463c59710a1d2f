"""Pydantic AI, over chat and over responses."""

import base64

from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.output import NativeOutput
from pydantic_ai.providers.openai import OpenAIProvider
from scenarios import BASE, BIG, IMAGE, KEY, MODEL, failing, run


class Stay(BaseModel):
    city: str
    days: int


def agent(kind=OpenAIChatModel, name=MODEL, **options):
    made = Agent(
        kind(name, provider=OpenAIProvider(base_url=BASE, api_key=KEY)), system_prompt="Be brief.", **options
    )

    @made.tool_plain
    def forecast(city: str, days: int) -> str:
        return f"rain in {city} for {days}"

    @made.tool_plain
    def history(city: str) -> str:
        return f"rain in {city}"

    return made


def simple(kind=OpenAIChatModel, name=MODEL, **options):
    return Agent(kind(name, provider=OpenAIProvider(base_url=BASE, api_key=KEY)), **options)


def seen(result):
    usage = result.usage() if callable(result.usage) else result.usage
    return [result.output, usage.input_tokens, usage.output_tokens, usage.requests]


def picture(uri):
    return ["What is it?", BinaryContent(base64.b64decode(uri.partition(",")[2]), media_type="image/png")]


async def streamed(made):
    async with made.run_stream("Grüße") as result:
        return [piece async for piece in result.stream_text(delta=True, debounce_by=None)]


async def plain():
    return seen(await simple().run("Grüße"))


async def stream():
    return await streamed(simple())


async def tools():
    return seen(await agent().run("Grüße"))


async def tools_streamed():
    return await streamed(agent())


async def structured_output():
    return seen(await simple(output_type=Stay).run("Grüße"))


async def structured_natively():
    return seen(await simple(output_type=NativeOutput(Stay)).run("Grüße"))


async def image():
    return seen(await simple().run(picture(IMAGE)))


async def large_body():
    return seen(await simple().run(picture(BIG)))


async def responses():
    return seen(await simple(OpenAIResponsesModel).run("Grüße"))


async def responses_stream():
    return await streamed(simple(OpenAIResponsesModel))


async def responses_tools():
    return seen(await agent(OpenAIResponsesModel).run("Grüße"))


async def responses_tools_streamed():
    return await streamed(agent(OpenAIResponsesModel))


async def error_of_a_refusal():
    return seen(await simple(name="gpt-4o-refuse").run("Grüße"))


async def error_400():
    return seen(await simple(name=failing("400")).run("Grüße"))


async def error_429():
    return seen(await simple(name=failing("429")).run("Grüße"))


async def error_500():
    return seen(await simple(name=failing("500")).run("Grüße"))


async def error_in_stream():
    return await streamed(simple(name=failing("error-event")))


async def retried_twice():
    return seen(await simple(name=failing("twice-429")).run("Grüße"))


run(
    *(plain, stream, tools, tools_streamed, structured_output, structured_natively, image, large_body),
    *(responses, responses_stream, responses_tools, responses_tools_streamed, error_of_a_refusal),
    *(error_400, error_429, error_500, error_in_stream, retried_twice),
)
