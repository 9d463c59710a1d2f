"""llm: the models of its OpenAI plugin, as its command line uses them."""

from llm import Attachment, Tool
from llm.default_plugins.openai_models import Chat
from scenarios import BASE, BIG, IMAGE, KEY, MODEL, SCHEMA, failing, run


def model(name=MODEL):
    return Chat(name, model_name=name, api_base=BASE, vision=True, supports_tools=True, supports_schema=True)


def forecast(city: str, days: int) -> str:
    """Tell the weather to come."""
    return f"rain in {city} for {days}"


def history(city: str) -> str:
    """Tell the weather that was."""
    return f"rain in {city}"


def asked(name=MODEL, **options):
    return model(name).prompt("Grüße", system="Be brief.", key=KEY, **options)


def seen(response):
    text = response.text()
    usage = response.usage()
    return [text, response.response_json, usage.input, usage.output, response.tool_calls()]


def picture(uri):
    return [Attachment(type="image/png", content=uri.partition(",")[2].encode())]


def plain():
    return seen(asked(stream=False))


def stream():
    return list(asked(stream=True))


def tools():
    return seen(asked(stream=False, tools=[Tool.function(forecast), Tool.function(history)]))


def tools_streamed():
    return seen(asked(stream=True, tools=[Tool.function(forecast), Tool.function(history)]))


def chain_of_tools():
    return model().chain("Grüße", tools=[forecast, history], key=KEY).text()


def structured_output():
    return seen(asked(stream=False, schema=SCHEMA))


def image():
    return seen(asked(attachments=picture(IMAGE)))


def large_body():
    return seen(asked(attachments=picture(BIG)))


def error_400():
    return seen(asked(failing("400")))


def error_429():
    return seen(asked(failing("429")))


def error_500():
    return seen(asked(failing("500")))


def error_in_stream():
    return list(asked(failing("error-event"), stream=True))


def retried_twice():
    return seen(asked(failing("twice-429"), stream=False))


run(
    *(plain, stream, tools, tools_streamed, chain_of_tools, structured_output, image, large_body),
    *(error_400, error_429, error_500, error_in_stream, retried_twice),
)
