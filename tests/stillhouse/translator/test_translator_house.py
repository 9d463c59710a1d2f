"""A real house with providers of three foreign dialects behind it, asked with OpenAI's own client."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import openai
import pytest
import yaml
from dialects import ARGUMENTS, Dialects
from housekit import Up, environ, free_port, until

from stillhouse.client import AdminClient

KEY = "sk-ant-of-the-provider"
SPOKEN = "sk-of-another-upstream"
TOOLS = [
    {"type": "function", "function": {"name": "route", "parameters": {"type": "object", "properties": {}}}}
]


@pytest.fixture(scope="module")
def provider():
    server = Dialects()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def house(tmp_path_factory, provider):
    folder = tmp_path_factory.mktemp("house")
    up = Up(
        folder=folder,
        config=folder / "stillhouse.yaml",
        gateway_port=free_port(),
        control_port=free_port(),
        variables={"ANTHROPIC_KEY": KEY, "OTHER_KEY": SPOKEN},
    )

    def through(name, model, **more):
        params = {"model": model, "api_base": provider.url}
        return {"name": name, "kind": "litellm", "params": params, "models": [name], **more}

    upstreams = [
        through("claude", "anthropic/claude-sonnet-4-5", api_key_env="ANTHROPIC_KEY"),
        through("llama", "ollama_chat/llama3"),
        through("gemini", "gemini/gemini-2.0-flash", api_key_env="ANTHROPIC_KEY"),
        {
            "name": "other",
            "base_url": "http://127.0.0.1:9/v1",
            "api_key_env": "OTHER_KEY",
            "models": ["other"],
        },
    ]
    settings = {
        "data": str(up.data),
        "gateway": {"port": up.gateway_port, "workers": 1},
        "control": {"port": up.control_port},
        "upstreams": upstreams,
    }
    up.config.write_text(yaml.safe_dump(settings))
    up.start()
    until(lambda: answers(up), "the translator answers")
    yield up
    up.stop()


def client(house):
    return openai.OpenAI(base_url=house.base_url, api_key="sk-x", max_retries=0, timeout=30)


@pytest.fixture(scope="module")
def api(house):
    with client(house) as made:
        yield made


def asked(api, model, text, **more):
    messages = [{"role": "system", "content": "Name the queue."}, {"role": "user", "content": text}]
    return api.chat.completions.create(model=model, messages=messages, max_tokens=20, **more)


def answers(house):
    try:
        with client(house) as api:
            return asked(api, "llama", "hi").choices[0].message.content == "echo hi"
    except openai.APIStatusError:
        return False


def streamed(api, model, text, **more):
    messages = [{"role": "user", "content": text}]
    usage = {"include_usage": True}
    with api.chat.completions.stream(
        model=model, messages=messages, max_tokens=20, stream_options=usage, **more
    ) as stream:
        for _ in stream:
            pass
        return stream.get_final_completion()


DIALECTS = ["claude", "llama", "gemini"]


@pytest.mark.parametrize("model", DIALECTS)
@pytest.mark.parametrize("ask", [asked, streamed])
def test_a_provider_of_another_dialect_answers_an_openai_client(api, model, ask):
    answer = ask(api, model, "hello")
    assert answer.choices[0].message.content == "echo hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens == 2


@pytest.mark.parametrize("model", DIALECTS)
@pytest.mark.parametrize("ask", [asked, streamed])
def test_a_tool_call_comes_through(api, model, ask):
    (call,) = ask(api, model, "tool", tools=TOOLS).choices[0].message.tool_calls
    assert call.function.name == "route"
    assert json.loads(call.function.arguments) == ARGUMENTS
    assert call.id


def test_the_provider_gets_its_own_key_and_what_was_said(api, provider):
    asked(api, "claude", "mark me", temperature=0.5)
    sent = provider.asked[-1]
    assert sent["path"] == "/v1/messages"
    assert sent["headers"]["x-api-key"] == KEY
    assert (sent["body"]["temperature"], sent["body"]["max_tokens"]) == (0.5, 20)
    assert "sk-x" not in json.dumps(sent)


def test_what_a_cache_gave_is_counted(api):
    usage = asked(api, "claude", "hello").usage
    assert (usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens) == (12, 4)


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_is_busy_says_so_with_its_own_status(api, stream):
    with pytest.raises(openai.RateLimitError) as caught:
        asked(api, "claude", "busy", stream=stream)
    assert "slow down" in str(caught.value)
    assert caught.value.response.headers["retry-after"] == "7"


def test_an_error_shows_no_key(api):
    with pytest.raises(openai.AuthenticationError) as caught:
        asked(api, "claude", "bad key")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("how", ["cut", "short"])
def test_a_stream_that_breaks_never_ends_cleanly(api, how):
    finishes = []
    stream = asked(api, "claude", how, stream=True)
    with pytest.raises(openai.APIError):
        finishes.extend(choice.finish_reason for chunk in stream for choice in chunk.choices)
    assert set(finishes) <= {None}


def test_an_app_that_hangs_up_ends_the_providers_answer(api, provider):
    provider.hung_up.clear()
    stream = asked(api, "claude", "slow", stream=True)
    next(iter(stream), None)
    stream.close()
    assert provider.hung_up.wait(20)


def test_a_call_of_another_surface_never_reaches_the_translator(api):
    with pytest.raises(openai.NotFoundError, match="in chat completions only"):
        api.responses.create(model="claude", input="hi", max_output_tokens=20)


def variables(house, name):
    text = Path(f"/proc/{house.pid(name)}/environ").read_bytes()
    return dict(line.split(b"=", 1) for line in text.split(b"\0") if b"=" in line)


def test_a_key_is_in_the_process_that_needs_it_alone(house):
    translator, worker, control = (variables(house, name) for name in ("translator", "worker-0", "control"))
    assert translator[b"ANTHROPIC_KEY"] == KEY.encode()
    assert b"OTHER_KEY" not in translator
    for process in (worker, control):
        assert b"ANTHROPIC_KEY" not in process
        assert process[b"OTHER_KEY"] == SPOKEN.encode()
    token = worker[b"STILLHOUSE_TRANSLATOR_TOKEN"]
    assert len(token) >= 32
    written = [file for file in house.data.rglob("*") if file.is_file()]
    assert not any(token in file.read_bytes() or KEY.encode() in file.read_bytes() for file in written)


def test_no_process_but_the_translator_loads_litellm():
    code = "import sys; import stillhouse.worker, stillhouse.control, stillhouse.supervisor; print('litellm' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"


def test_a_translator_that_dies_is_started_again_and_nothing_is_unaccounted(house, api):
    before = house.pid("translator")
    os.kill(before, signal.SIGKILL)
    while_away = asked(api, "llama", "while it is away")
    assert "while it is away" in while_away.choices[0].message.content
    assert house.pid("translator") != before

    def accounts():
        with AdminClient(house.data) as admin:
            ledger = admin.status()["ledger"]
        return ledger and not ledger["backlog"]["records"] and not ledger["in_flight"] and ledger

    ledger = until(accounts, "all of it is in the log")
    assert ledger["unaccounted"] == []


def test_the_doctor_knows_what_it_is(house):
    found = house.look("doctor")
    texts = [one["text"] for one in found]
    assert any("anthropic/claude-sonnet-4-5" in text for text in texts)
    assert not [one for one in found if one["level"] == "error"]


def test_without_its_key_the_house_does_not_start(house, tmp_path):
    result = Up(
        folder=tmp_path, config=house.config, gateway_port=0, control_port=0, variables={"OTHER_KEY": "x"}
    )
    result.launch()
    assert result.process.wait(40) == 2
    result.process.stdin.close()
    assert "the variable ANTHROPIC_KEY is not set" in result.log()
    assert "ANTHROPIC_KEY" not in environ()
