"""The examples are true: the annotated file holds the defaults, the unit and the image name real things."""

import re
from pathlib import Path

import yaml

from distiller.settings import DistillerSettings, Policies
from gateway.settings import GatewaySettings
from router.settings import RolloutPolicy
from stillhouse.settings import convert, load
from stillhouse.settings.kinds import Branch
from stillhouse.settings.tree import Settings
from store.journal.writer import MAX_BYTES, SEGMENT_BYTES

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "stillhouse.yaml"


def test_the_annotated_file_holds_the_defaults():
    settings = load(EXAMPLE, {})
    assert convert.gateway(settings, b"salt") == GatewaySettings(salt=b"salt")
    assert convert.distiller(settings) == DistillerSettings()
    assert convert.task_policies(settings) == Policies()
    assert convert.rollout_policy(settings) == RolloutPolicy()
    assert (settings.journal.max_bytes, settings.journal.segment_bytes) == (MAX_BYTES, SEGMENT_BYTES)
    bare = load(None, {"STILLHOUSE_DATA": "stillhouse-data"})
    assert (settings.gateway.host, settings.gateway.port) == (bare.gateway.host, bare.gateway.port)
    assert (settings.control, settings.retention, settings.data) == (bare.control, bare.retention, bare.data)


def test_its_commented_lines_are_valid_too(tmp_path):
    text = EXAMPLE.read_text()
    loose = re.sub(r"^(\s*)# (api_key_env|workers|days|mode|judge)", r"\1\2", text, flags=re.MULTILINE)
    loose = loose.replace("client_keys: []", "client_keys:").replace(
        "#  - { name: support", "  - { name: support"
    )
    loose = loose.replace("tasks: {}", "tasks:").replace("#  support-triage", "  support-triage")
    path = tmp_path / "stillhouse.yaml"
    path.write_text(loose.replace("<64 hex digits>", "a" * 64))
    settings = load(path, {"OPENAI_API_KEY": "sk-x"})
    assert settings.tasks["support-triage"].metric == "fields"
    assert settings.policy.judge.model == "gpt-4o"
    assert settings.client_keys[0].name == "support-app"


def test_every_setting_is_documented():
    text = (ROOT / "docs" / "configuration.md").read_text()
    missing = [name for name in names(Settings, "") if f"`{name}`" not in text]
    assert not missing


def names(branch, above):
    for name, field in branch.model_fields.items():
        if name in {"source", "api_key"}:
            continue
        kinds = [branch_of(field.annotation)]
        inner = next((kind for kind in kinds if kind is not None), None)
        if inner is None or name == "train_kwargs":  # the keys of distiller.training
            yield above + name
        elif name != "tasks":
            yield from names(inner, f"{above}{name}.")


def branch_of(annotation):
    if isinstance(annotation, type) and issubclass(annotation, Branch):
        return annotation
    return next((found for part in getattr(annotation, "__args__", ()) if (found := branch_of(part))), None)


def test_the_compose_file_publishes_to_this_machine_only():
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    assert all(port.startswith("127.0.0.1:") for port in compose["services"]["stillhouse"]["ports"])


def test_the_image_runs_as_nobody_special():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "USER stillhouse" in lines
    assert any(line.startswith("HEALTHCHECK") for line in lines)
