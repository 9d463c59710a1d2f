"""What a job's child holds: a token for as long as it works, and never a key of an upstream."""

import json
import os
import sys
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from distiller.pipeline.child import TrainingChild
from distiller.pipeline.train import TOKEN
from distiller.programs.child import TOKEN as READ
from stillhouse import control
from stillhouse.access import JobAccess, in_background
from stillhouse.grants import Grants
from stillhouse.settings.calls import Upstream
from stillhouse.settings.tree import Settings
from stillhouse.translator.door import Door

URL = "http://127.0.0.1:9/internal/v1"
SHOW = """
import json, os
print(json.dumps({"event": "environment", "of": dict(os.environ)}))
print(json.dumps({"event": "done"}))
"""


def settings(tmp_path, *upstreams):
    return Settings(data=tmp_path, upstreams=upstreams)


def test_a_token_is_worth_nothing_once_the_rung_is_made():
    grants = Grants(lambda: 0.0)
    with JobAccess(grants, URL)("job", 1.0) as access:
        assert access.base_url == URL
        assert access.token not in repr(access)
        assert grants.begin(access.token).exhausted is None
    assert grants.begin(access.token) is None


def test_rungs_of_one_job_share_its_budget_and_jobs_do_not():
    grants = Grants(lambda: 0.0)
    opened = JobAccess(grants, URL)
    with opened("job", 1.0) as first:
        grants.spend(first.token, 0.75)
    with opened("job", 1.0) as second:
        assert grants.begin(second.token).usd == 0.25
        grants.spend(second.token, 0.25)
    with opened("job", 1.0) as third, opened("another", 1.0) as other:
        assert grants.begin(third.token).exhausted is not None
        assert grants.begin(other.token).exhausted is None


def test_without_a_key_of_its_own_no_upstream_is_called_in_the_background(tmp_path):
    passing = Upstream(name="a", base_url="http://127.0.0.1:1/v1")
    keyed = passing.model_copy(update={"api_key": SecretStr("sk-x")})
    translated = Upstream(name="b", kind="litellm", params={"model": "bedrock/x"})
    assert not in_background(settings(tmp_path, passing))
    assert in_background(settings(tmp_path, passing, keyed))
    assert in_background(settings(tmp_path, translated))


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_a_child_gets_its_token_and_no_key_of_an_upstream(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("TEACHER_KEY", "sk-of-the-teacher")
    upstream = Upstream(name="a", kind=kind, base_url="http://127.0.0.1:1/v1", api_key_env="TEACHER_KEY")
    door = Door(url="http://127.0.0.1:2", token="of-the-door")
    for name, value in door.told().items():
        monkeypatch.setenv(name, value)
    control._forget_keys(SimpleNamespace(settings=settings(tmp_path, upstream), door=door))
    child = TrainingChild((sys.executable, "-c", SHOW), tmp_path, {TOKEN: "shi-of-the-job"})
    events = [event async for event in child.run()]
    seen = next(event["of"] for event in events if event["event"] == "environment")
    assert seen[TOKEN] == "shi-of-the-job"
    assert "PATH" in seen
    told = json.dumps(seen)
    assert "sk-of-the-teacher" not in told
    assert "of-the-door" not in told
    assert TOKEN not in os.environ
    assert TOKEN == READ
