"""LiteLLM's `config.yaml` as our settings: what each model becomes, and that nothing is dropped in silence."""

import pytest
import yaml
from typer.testing import CliRunner

from stillhouse.cli.app import app
from stillhouse.errors import ConfigError, StillhouseError
from stillhouse.importing.litellm_config import settings_of
from stillhouse.prices import PriceBook
from stillhouse.settings import load
from store.vocabulary import Usage

CONFIG = """\
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_KEY
      rpm: 500
  - model_name: gpt-4o-mini
    litellm_params:
      model: gpt-4o-mini
      api_key: os.environ/OPENAI_KEY
  - model_name: claude
    litellm_params:
      model: anthropic/claude-sonnet-4-5
      api_key: sk-ant-written-here
      timeout: 30
  - model_name: house
    litellm_params: {model: hosted_vllm/house, api_base: "http://10.0.0.5:8000/v1", weight: 3}
    model_info: {input_cost_per_token: 0.0000005, output_cost_per_token: 0.000001, supports_vision: true}
  - model_name: house
    litellm_params: {model: azure/gpt-4o-eu, api_base: "https://eu.openai.azure.com", api_version: "2025-01-01", api_key: os.environ/AZURE, weight: 1}
  - model_name: away
    litellm_params: {model: azure/x, api_base: os.environ/AZURE_BASE, api_version: "1", api_key: os.environ/AZURE, drop_params: true}
    model_info: {base_model: gpt-4.1}
  - model_name: vectors
    litellm_params: {model: openai/text-embedding-3-small}
    model_info: {mode: embedding}
litellm_settings:
  num_retries: 3
  cache: true
general_settings:
  master_key: sk-1234
router_settings: {fallbacks: [{a: [b]}]}
environment_variables: {X: secret-value}
"""
VARIABLES = {"OPENAI_KEY": "sk-o", "ANTHROPIC_API_KEY": "sk-a", "AZURE": "sk-z"}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


def test_each_model_becomes_an_upstream(config):
    upstreams = {one["name"]: one for one in yaml.safe_load(settings_of(config).text)["upstreams"]}
    assert upstreams == {
        "gpt-4o": {
            "name": "gpt-4o",
            "base_url": "https://api.openai.com/v1",
            "api_key_env": "OPENAI_KEY",
            "models": ["gpt-4o", "gpt-4o-mini"],
        },
        "claude": {
            "name": "claude",
            "kind": "litellm",
            "params": {"model": "anthropic/claude-sonnet-4-5"},
            "api_key_env": "ANTHROPIC_API_KEY",
            "timeouts": {"total": 30.0},
            "models": ["claude"],
        },
        "house": {
            "name": "house",
            "base_url": "http://10.0.0.5:8000/v1",
            "priority": 0,
            "weight": 3.0,
            "models": ["house"],
        },
        "house-2": {
            "name": "house-2",
            "kind": "azure",
            "base_url": "https://eu.openai.azure.com/openai",
            "api_version": "2025-01-01",
            "deployment": "gpt-4o-eu",
            "api_key_env": "AZURE",
            "priority": 0,
            "weight": 1.0,
            "models": ["house"],
        },
        "away": {
            "name": "away",
            "kind": "litellm",
            "params": {
                "model": "azure/x",
                "api_base": "os.environ/AZURE_BASE",
                "api_version": "1",
                "drop_params": True,
            },
            "api_key_env": "AZURE",
            "models": ["away"],
        },
    }


def test_what_comes_out_are_settings_that_load(config, tmp_path):
    out = tmp_path / "stillhouse.yaml"
    out.write_text(settings_of(config).text)
    settings = load(out, VARIABLES)
    assert len(settings.upstreams) == 5
    assert (settings.prices["house"].input, settings.prices["house"].output) == (0.5, 1.0)
    assert settings.prices["away"].like == "gpt-4.1"


def test_every_setting_without_a_counterpart_is_named_with_its_line(config):
    assert settings_of(config).warnings == [
        f"{config}:6: model_list.0.litellm_params.rpm has no counterpart here.",
        f"{config}:14: model_list.2.litellm_params.api_key is not copied: put it into the variable ANTHROPIC_API_KEY.",
        f"{config}:18: model_list.3.model_info.supports_vision has no counterpart here.",
        f"{config}:26: model_list.6.model_info.mode leaves the model out: upstreams are made for chat.",
        (
            f"{config}:28: litellm_settings.num_retries has no counterpart here: "
            "a call is tried again at another upstream, never twice at one."
        ),
        f"{config}:29: litellm_settings.cache has no counterpart here.",
        (
            f"{config}:31: general_settings.master_key has no counterpart here: "
            "`stillhouse keys NAME` makes a key for each app."
        ),
        (
            f"{config}:32: router_settings.fallbacks has no counterpart here: "
            "name several upstreams with one model instead."
        ),
        (
            f"{config}:33: environment_variables has no counterpart here: "
            "set them where `stillhouse up` is started."
        ),
    ]


def test_no_secret_is_copied(config, tmp_path):
    out = tmp_path / "out.yaml"
    result = CliRunner().invoke(app, ["import", "litellm-config", str(config), "--out", str(out)])
    assert result.exit_code == 0, result.output
    said = result.output + out.read_text()
    assert not any(secret in said for secret in ("sk-ant-written-here", "sk-1234", "secret-value"))
    again = CliRunner().invoke(app, ["import", "litellm-config", str(config), "--out", str(out)])
    assert again.exit_code == 1
    shown = CliRunner().invoke(app, ["import", "litellm-config", str(config)])
    assert shown.stdout == out.read_text()


def test_a_model_of_the_translator_costs_what_the_table_says(config, tmp_path):
    out = tmp_path / "stillhouse.yaml"
    out.write_text(settings_of(config).text)
    book = PriceBook.of(load(out, VARIABLES), tmp_path / "none.json")
    assert book.price("claude", Usage(prompt_tokens=1_000_000, completion_tokens=0)) == pytest.approx(3.0)
    assert book.price("house", Usage(prompt_tokens=1_000_000, completion_tokens=0)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "text",
    ["{}", "model_list: []", "model_list: {a: 1}"],
)
def test_another_yaml_is_no_configuration_of_the_proxy(tmp_path, text):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(StillhouseError, match="no model_list"):
        settings_of(path)


def test_a_model_that_names_none_is_left_out_and_said(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(
        "model_list:\n  - 7\n  - model_name: a\n  - model_name: '*'\n    litellm_params: {model: '*'}\n"
    )
    found = settings_of(path)
    assert [line.partition(": ")[2] for line in found.warnings] == [
        "model_list.0 is left out: it names no model.",
        "model_list.1 is left out: it names no model.",
    ]
    (upstream,) = yaml.safe_load(found.text)["upstreams"]
    assert (upstream["name"], upstream["models"], upstream["base_url"]) == (
        "any",
        ["*"],
        "https://api.openai.com/v1",
    )


def test_a_secret_among_the_parameters_becomes_a_variable(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "model_list:\n"
        "  - model_name: rock\n"
        "    litellm_params:\n"
        "      model: bedrock/x\n"
        "      aws_region_name: eu-1\n"
        "      aws_access_key_id: os.environ/ID\n"
        "      aws_secret_access_key: HIDE-1\n"
        "      input_cost_per_token: 1e-6\n"
        "      extra_headers: {authorization: HIDE-2, x-team: a}\n"
        "  - model_name: local\n"
        "    litellm_params: {model: ollama_chat/x, api_base: 'http://me:HIDE-3@10.0.0.5'}\n"
        "  - model_name: gemini\n"
        '    litellm_params: {model: vertex_ai/x, vertex_credentials: \'{"private_key": "HIDE-4"}\'}\n'
    )
    done = settings_of(path)
    assert "HIDE" not in done.text + "".join(done.warnings)
    rock, local, gemini = yaml.safe_load(done.text)["upstreams"]
    assert rock["params"] == {
        "model": "bedrock/x",
        "aws_region_name": "eu-1",
        "aws_access_key_id": "os.environ/ID",
        "aws_secret_access_key": "os.environ/ROCK_AWS_SECRET_ACCESS_KEY",
        "input_cost_per_token": "1e-6",
        "extra_headers": {"authorization": "os.environ/ROCK_EXTRA_HEADERS_AUTHORIZATION", "x-team": "a"},
    }
    assert local["params"]["api_base"] == "os.environ/LOCAL_API_BASE"
    assert gemini["params"]["vertex_credentials"] == "os.environ/GEMINI_VERTEX_CREDENTIALS"
    assert not any("api_key_env" in one for one in (rock, local, gemini))
    assert f"{path}:7: model_list.0.litellm_params.aws_secret_access_key is not copied" in done.warnings[0]


def test_what_is_merged_is_read(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "model_list:\n"
        "  - model_name: a\n"
        "    litellm_params: &base {model: gemini/x, api_key: os.environ/K, timeout: 5}\n"
        "  - model_name: b\n"
        "    litellm_params: {<<: *base, timeout: 7}\n"
    )
    first, second = yaml.safe_load(settings_of(path).text)["upstreams"]
    assert second == {**first, "name": "b", "timeouts": {"total": 7.0}, "models": ["b"]}
    path.write_text("a: &a 1\nb: {<<: *a}\n")
    with pytest.raises(ConfigError, match="must be a mapping"):
        settings_of(path)
