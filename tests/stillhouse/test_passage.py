"""The way to a training service: with the upstream's key, for those who hold a grant, and for fine-tuning alone."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from distiller.settings import ServiceSettings
from gateway.settings import UpstreamSpec
from gateway.upstream.httpx_engine import HttpxTransport
from stillhouse.grants import Grants
from stillhouse.passage import Passage, root

sys.path.append(str(Path(__file__).parents[1] / "distiller" / "service"))
from fake_service import KEY, FakeService


@pytest.fixture
def service():
    made = FakeService()
    yield made
    made.close()


@pytest.fixture
def passage(service):
    grants = Grants(time.time)
    settings = ServiceSettings(kind="openai", upstream="provider", model="m", base_url=service.url)
    upstream = UpstreamSpec(name="provider", base_url=service.url, api_key=KEY)
    app = FastAPI()
    Passage(service=settings, upstreams=(upstream,), grants=grants, transport=HttpxTransport()).mount(app)
    token = grants.issue("job", usd=1.0, calls=100)
    with TestClient(app, headers={"authorization": f"Bearer {token}"}) as client:
        yield client


def test_files_and_jobs_pass_with_the_key_of_the_upstream(passage, service):
    row = b'{"messages": [{"role": "assistant", "content": "red"}]}\n'
    sent = passage.post(
        "/internal/v1/service/files", data={"purpose": "fine-tune"}, files={"file": ("train.jsonl", row)}
    )
    assert (sent.status_code, sent.json()["id"]) == (200, "file-1")
    listed = passage.get("/internal/v1/service/fine_tuning/jobs", params={"limit": 5})
    assert listed.json()["data"] == []
    refused = passage.post("/internal/v1/service/fine_tuning/jobs", json={"training_file": "file-9"})
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, "file-9 is not a file of yours")
    assert KEY not in sent.text + listed.text + refused.text


@pytest.mark.parametrize(
    "path", ["chat/completions", "models", "files/../chat/completions", "organization/users"]
)
def test_nothing_else_passes(passage, service, path):
    assert passage.get(f"/internal/v1/service/{path.replace('..', '%2e%2e')}").status_code == 404
    assert service.requests == []


def test_without_a_grant_or_a_key_nothing_is_sent(passage, service):
    assert passage.get("/internal/v1/service/files", headers={"authorization": "Bearer x"}).status_code == 401
    app, grants = FastAPI(), Grants(time.time)
    Passage(service=None, upstreams=(), grants=grants, transport=HttpxTransport()).mount(app)
    with TestClient(app) as client:
        token = grants.issue("job", usd=1.0, calls=1)
        answer = client.get("/internal/v1/service/files", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert service.requests == []


def test_fireworks_is_managed_beside_its_chat():
    settings = ServiceSettings(
        kind="fireworks",
        upstream="f",
        model="m",
        account="a",
        base_url="https://api.fireworks.ai/inference/v1/",
    )
    assert root(settings) == "https://api.fireworks.ai/v1"
