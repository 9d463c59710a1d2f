"""The OpenAI Agents SDK: responses by default, chat where asked."""

from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool
from openai import AsyncOpenAI
from pydantic import BaseModel
from scenarios import BASE, BIG, IMAGE, KEY, MODEL, failing, run


class Stay(BaseModel):
    city: str
    days: int


@function_tool
def forecast(city: str, days: int) -> str:
    """Tell the weather to come."""
    return f"rain in {city} for {days}"


@function_tool
def history(city: str) -> str:
    """Tell the weather that was."""
    return f"rain in {city}"


TOOLS = [forecast, history]


def agent(kind=OpenAIResponsesModel, name=MODEL, **options):
    client = AsyncOpenAI(api_key=KEY, base_url=BASE, timeout=20)
    return Agent(
        name="Aide", instructions="Be brief.", model=kind(model=name, openai_client=client), **options
    )


def looking(uri):
    parts = [{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": uri}]
    return [{"role": "user", "content": parts}]


async def seen(made, asked="Grüße"):
    result = await Runner.run(made, asked)
    return [result.final_output, result.to_input_list(), [item.type for item in result.new_items]]


async def streamed(made):
    result = Runner.run_streamed(made, "Grüße")
    kinds = [
        event.data if event.type == "raw_response_event" else event.type
        async for event in result.stream_events()
    ]
    return [kinds, result.final_output]


async def plain():
    return await seen(agent())


async def stream():
    return await streamed(agent())


async def tools():
    return await seen(agent(tools=TOOLS))


async def tools_streamed():
    return await streamed(agent(tools=TOOLS))


async def structured_output():
    return await seen(agent(output_type=Stay))


async def image():
    return await seen(agent(), looking(IMAGE))


async def large_body():
    return await seen(agent(), looking(BIG))


async def chat_plain():
    return await seen(agent(OpenAIChatCompletionsModel))


async def chat_tools():
    return await seen(agent(OpenAIChatCompletionsModel, tools=TOOLS))


async def chat_structured_output():
    return await seen(agent(OpenAIChatCompletionsModel, output_type=Stay))


async def chat_tools_streamed():
    result = Runner.run_streamed(agent(OpenAIChatCompletionsModel, tools=TOOLS), "Grüße")
    return [[event.type async for event in result.stream_events()], result.final_output]


async def error_400():
    return await seen(agent(name=failing("400")))


async def error_429():
    return await seen(agent(name=failing("429")))


async def error_500():
    return await seen(agent(name=failing("500")))


async def retried_twice():
    return await seen(agent(name=failing("twice-429")))


run(
    *(plain, stream, tools, tools_streamed, structured_output, image, large_body),
    *(chat_plain, chat_tools, chat_structured_output, chat_tools_streamed),
    *(error_400, error_429, error_500, retried_twice),
)
