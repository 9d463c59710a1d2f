"""What a restarted process reads: the settings as they were at start, without keys."""

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from distiller.pipeline import child as training
from stillhouse import control, supervisor
from stillhouse.errors import ConfigError
from stillhouse.settings import load, snapshot

EXAMPLE = Path(__file__).parents[2] / "examples" / "stillhouse.yaml"
WHOLE = """
data: /srv/house
upstreams:
  - {name: one, base_url: "http://127.0.0.1:1/v1", api_key_env: ONE_KEY, timeouts: {connect: 0.00001}}
  - {name: two, base_url: "http://127.0.0.1:2/v1", api_key_file: KEYFILE, models: ["*"]}
client_keys: [{name: "on", sha256: "AAAA"}]
gateway: {port: 0, drain_s: 3}
distiller: {schedule: "*/5 * * * *"}
policy: {judge: {model: "gpt: 4", criteria: "é 😀 # yes"}, minima: {shadow: 5}}
tasks: {"123": {mode: observe}, "null": {delta: 0.1}}
"""


def back(settings, folder, environ):
    path = folder / "settings.yaml"
    path.write_text(snapshot.text(settings), encoding="utf-8")
    return load(path, environ).model_copy(update={"source": settings.source})


def test_settings_come_back_the_same_and_keys_are_not_written(tmp_path):
    (tmp_path / "key").write_text("sk-of-a-file")
    file = tmp_path / "stillhouse.yaml"
    text = WHOLE.replace("KEYFILE", str(tmp_path / "key")).replace("AAAA", "a" * 64)
    file.write_text(text, encoding="utf-8")
    environ = {"ONE_KEY": "sk-of-a-variable", "STILLHOUSE_GATEWAY__PORT": "4100"}
    settings = load(file, environ)
    assert "sk-of" not in snapshot.text(settings)
    assert back(settings, tmp_path, environ) == settings


def test_the_whole_example_comes_back(tmp_path):
    settings = load(EXAMPLE, {})
    assert back(settings, tmp_path, {}) == settings


@example(criteria="0", delta=0.5, task="0\x850")
@given(
    criteria=st.text(min_size=1, max_size=40),
    delta=st.floats(min_value=1e-9, max_value=0.999),
    task=st.text(min_size=1, max_size=20),
)
def test_any_text_and_number_comes_back(tmp_path_factory, criteria, delta, task):
    tree = {"policy": {"judge": {"model": "m", "criteria": criteria}, "delta": delta}, "tasks": {task: {}}}
    folder = tmp_path_factory.getbasetemp()
    path = folder / "any.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    try:
        settings = load(path, {})
    except ConfigError:
        return  # refused at start: there is nothing to hand over
    assert back(settings, folder, {}) == settings


@pytest.mark.parametrize("drain_s", [0.5, 10.0, 300.0])
def test_a_worker_may_use_its_drain_twice_before_it_is_killed(drain_s):
    assert supervisor.worker_patience(drain_s) >= 2 * drain_s + 5


def test_control_may_wait_for_its_training_child_and_still_load_the_rest():
    needed = training._STOP_S + control.DRAIN_S + control.LAST_INGEST_S
    assert needed + 5 <= supervisor.CONTROL_STOP_S
