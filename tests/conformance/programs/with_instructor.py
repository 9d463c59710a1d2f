"""instructor: answers as Pydantic models, in each of its modes."""

from collections.abc import Iterable

import instructor
from openai import OpenAI
from pydantic import BaseModel
from scenarios import ASK, BASE, BIG, IMAGE, KEY, MODEL, failing, looking, run


class Stay(BaseModel):
    city: str
    days: int


def client(mode, **options):
    return instructor.from_openai(OpenAI(api_key=KEY, base_url=BASE, timeout=20, **options), mode=mode)


def asked(mode, name=MODEL, messages=ASK, **options):
    create = client(mode, **options).chat.completions.create
    return create(model=name, messages=messages, response_model=Stay, max_retries=1)


def plain():
    return asked(instructor.Mode.TOOLS)


def structured_output():
    return asked(instructor.Mode.TOOLS_STRICT)


def json_schema():
    return asked(instructor.Mode.JSON_SCHEMA)


def responses_tools():
    made = client(instructor.Mode.RESPONSES_TOOLS)
    return made.responses.create(model=MODEL, input="Grüße", response_model=Stay)


def partly_streamed():
    partial = client(instructor.Mode.TOOLS).chat.completions.create_partial
    return list(partial(model=MODEL, messages=ASK, response_model=Stay))


def several_streamed():
    several = client(instructor.Mode.TOOLS).chat.completions.create_iterable
    return list(several(model=MODEL, messages=ASK, response_model=Stay, stream=True))


def parallel_tools():
    several = client(instructor.Mode.PARALLEL_TOOLS).chat.completions.create
    return list(several(model=MODEL, messages=ASK, response_model=Iterable[Stay]))


def with_completion():
    both = client(instructor.Mode.TOOLS).chat.completions.create_with_completion
    return list(both(model=MODEL, messages=ASK, response_model=Stay))


def image():
    return asked(instructor.Mode.TOOLS, messages=looking(IMAGE))


def large_body():
    return asked(instructor.Mode.TOOLS, messages=looking(BIG))


def error_400():
    return asked(instructor.Mode.TOOLS, failing("400"))


def error_429():
    return asked(instructor.Mode.TOOLS, failing("429"))


def error_500():
    return asked(instructor.Mode.TOOLS, failing("500"), max_retries=0)


def error_of_a_refusal():
    return asked(instructor.Mode.JSON_SCHEMA, "gpt-4o-refuse")


def retried_twice():
    return asked(instructor.Mode.TOOLS, failing("twice-429"))


run(
    *(
        plain,
        structured_output,
        json_schema,
        responses_tools,
        partly_streamed,
        several_streamed,
        parallel_tools,
    ),
    *(with_completion, image, large_body, error_400, error_429, error_500, error_of_a_refusal, retried_twice),
)
