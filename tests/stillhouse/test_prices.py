"""What tokens cost, by whose table, and that nobody imports litellm for it."""

import json
import subprocess
import sys

import pytest
import yaml
from typer.testing import CliRunner

from gateway.capture import read_answer
from stillhouse.cli.app import app
from stillhouse.errors import ConfigError
from stillhouse.prices import PriceBook
from stillhouse.prices.table import entry, find, installed, priced
from stillhouse.settings import load
from stillhouse.settings.upkeep import Price
from store.vocabulary import Usage

MILLION = 1_000_000


def per_million(book, model, **usage):
    return book.price(model, Usage(prompt_tokens=MILLION, completion_tokens=0, **usage))


def test_tokens_cost_what_the_table_says():
    usage = Usage(prompt_tokens=MILLION, completion_tokens=MILLION, cached_tokens=0)
    assert PriceBook().price("gpt-4o-mini", usage) == pytest.approx(0.15 + 0.60)


def test_tokens_of_a_cache_have_prices_of_their_own():
    book = PriceBook()
    assert per_million(book, "gpt-4o-mini", cached_tokens=MILLION) == pytest.approx(0.075)
    claude = "claude-sonnet-4-5"
    assert per_million(book, claude) == pytest.approx(3.0)
    assert per_million(book, claude, cached_tokens=MILLION) == pytest.approx(0.3)
    assert per_million(book, claude, kept_tokens=MILLION) == pytest.approx(3.75)
    assert per_million(book, claude, kept_tokens=MILLION, kept_1h_tokens=MILLION) == pytest.approx(6.0)
    mixed = Usage(prompt_tokens=100, completion_tokens=10, cached_tokens=30, kept_tokens=20, kept_1h_tokens=5)
    assert book.price(claude, mixed) == pytest.approx(
        (50 * 3.0 + 30 * 0.3 + 15 * 3.75 + 5 * 6.0 + 10 * 15.0) / MILLION
    )


def test_what_anthropic_and_openai_say_of_their_caches_is_read():
    usage = {
        "input_tokens": 50,
        "output_tokens": 10,
        "cache_read_input_tokens": 30,
        "cache_creation_input_tokens": 20,
        "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
    }
    message = {"type": "message", "content": [], "stop_reason": "end_turn", "usage": usage}
    seen = read_answer("messages", "application/json", 200, json.dumps(message).encode()).usage
    assert seen == Usage(
        prompt_tokens=100, completion_tokens=10, cached_tokens=30, kept_tokens=20, kept_1h_tokens=5
    )
    chat = {
        "choices": [],
        "usage": {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 4}},
    }
    seen = read_answer("chat", "application/json", 200, json.dumps(chat).encode()).usage
    assert seen == Usage(prompt_tokens=9, cached_tokens=0, kept_tokens=4)


def test_a_long_prompt_costs_more_from_its_first_token_on():
    rates = {
        "input_cost_per_token": 1.0,
        "output_cost_per_token": 10.0,
        "cache_read_input_token_cost": 0.1,
        "input_cost_per_token_above_200k_tokens": 2.0,
        "input_cost_per_token_above_500k_tokens": 3.0,
        "output_cost_per_token_above_200k_tokens": 20.0,
    }
    tiered = entry(rates)
    assert tiered.cost(Usage(prompt_tokens=200_000, completion_tokens=1)) == 200_000 + 10
    assert tiered.cost(Usage(prompt_tokens=200_001, completion_tokens=1)) == 2 * 200_001 + 20
    assert tiered.cost(Usage(prompt_tokens=500_001, completion_tokens=1)) == 3 * 500_001 + 20
    assert tiered.cost(Usage(prompt_tokens=300_000, cached_tokens=300_000)) == pytest.approx(30_000)


def test_unknown_is_not_free():
    book = PriceBook()
    assert book.price("no-such-model", Usage(prompt_tokens=1)) is None
    assert book.price("gpt-4o-mini", Usage()) is None
    assert book.price("sample_spec", Usage(prompt_tokens=1)) is None
    assert entry({"input_cost_per_token": 1.0}).cost(Usage(prompt_tokens=1, completion_tokens=1)) is None
    assert entry({"input_cost_per_token": 1.0}).cost(Usage(prompt_tokens=1)) == 1.0  # an embedding
    assert entry({"output_cost_per_token": 1.0}) is None
    assert entry({"input_cost_per_token": True}) is None


def test_the_operators_own_prices_win():
    own = {
        "gpt-4o-mini": Price(input=1, output=2, cached=0.5),
        "house-model": Price(like="gpt-4o-mini"),
        "free": Price(input=0, output=0),
    }
    book = PriceBook(own=own)
    usage = Usage(prompt_tokens=MILLION, completion_tokens=MILLION, cached_tokens=MILLION // 2)
    assert book.price("gpt-4o-mini", usage) == pytest.approx(0.5 + 0.25 + 2)
    assert book.price("house-model", usage) == pytest.approx(0.075 + 0.0375 + 0.6)
    assert book.price("free", usage) == 0.0


@pytest.mark.parametrize(
    ("prices", "sentence"),
    [
        ({"m": {"output": 2}}, "give like, or input and output"),
        ({"m": {"like": "gpt-4o", "input": 2}}, "give like, or prices, not both"),
        ({"m": {"input": -1}}, "greater than or equal to 0"),
    ],
)
def test_a_price_that_says_too_little_or_too_much_is_refused(tmp_path, prices, sentence):
    file = tmp_path / "s.yaml"
    file.write_text(yaml.safe_dump({"prices": prices}))
    with pytest.raises(ConfigError, match=sentence):
        load(file, {})


def test_a_copy_keeps_every_price_that_the_table_has():
    _, whole = installed()
    copied = priced(whole)
    assert len(copied) > 2000
    assert all(entry(copied[name]) == entry(whole[name]) for name in copied)
    assert find(copied, "gpt-4o") == find(whole, "gpt-4o")


def test_a_dated_copy_wins_over_the_installed_table(tmp_path):
    table = {
        "sample_spec": {"input_cost_per_token": 1},
        "new-model": {"input_cost_per_token": 2e-6, "mode": "chat"},
    }
    (tmp_path / "table.json").write_text(json.dumps(table))
    settings = tmp_path / "s.yaml"
    settings.write_text(yaml.safe_dump({"data": str(tmp_path / "data")}))
    arguments = ["prices", "new-model", "--config", str(settings), "--json"]
    assert CliRunner().invoke(app, arguments).exit_code == 1
    result = CliRunner().invoke(app, [*arguments, "--update", str(tmp_path / "table.json")])
    told = json.loads(result.stdout)
    assert told["usd_per_million"] == {"prompt": 2.0}
    assert told["source"].startswith("table.json, as of 20")
    book = PriceBook(tmp_path / "data" / "prices.json")
    assert book.price("new-model", Usage(prompt_tokens=5)) == pytest.approx(1e-5)
    assert book.price("gpt-4o", Usage(prompt_tokens=5)) is None


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"m": {"mode": "chat"}}'])
def test_what_is_no_price_table_replaces_nothing(tmp_path, text):
    (tmp_path / "table.json").write_text(text)
    settings = tmp_path / "s.yaml"
    settings.write_text(yaml.safe_dump({"data": str(tmp_path / "data")}))
    command = ["prices", "--config", str(settings), "--update", str(tmp_path / "table.json")]
    assert CliRunner().invoke(app, command).exit_code == 1
    assert not (tmp_path / "data" / "prices.json").exists()


def test_a_copy_that_is_broken_leaves_the_installed_table(tmp_path, caplog):
    (tmp_path / "prices.json").write_text("{")
    assert PriceBook(tmp_path / "prices.json").price("gpt-4o", Usage(prompt_tokens=1))
    assert "cannot be read" in caplog.text


def test_litellm_is_never_imported():
    code = (
        "import sys; from stillhouse.prices import PriceBook; from store.vocabulary import Usage;"
        "assert PriceBook().price('gpt-4o', Usage(prompt_tokens=1)); assert 'litellm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
