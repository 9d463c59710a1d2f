"""Control's /metrics about rollouts: what was decided, where they stand, what waits."""

import pytest
from makers import House

from router.decision import Cause, Finding
from stillhouse.admin import metrics
from stillhouse.settings import Settings
from stillhouse.views.doctor import examine
from stillhouse.views.stores import Stores
from store.log import Log
from store.paths import DataFolder
from store.vocabulary import State


@pytest.fixture
def stores(tmp_path):
    folder = DataFolder(tmp_path).create()
    log = Log.open(folder.log)
    house = House(tmp_path)
    settings = Settings.model_validate({"data": tmp_path, "policy": {"mode": "auto", "profile": "replay"}})
    yield house, Stores(log=log, control=house.control, folder=folder, settings=settings, live=True)
    house.close()
    log.close()


def test_decisions_states_evidence_and_waiting_notices_are_told(stores):
    house, given = stores
    house.control.outbox_reader("webhook", house.epoch)
    house.open()
    house.until(State.CANARY_1)
    house.findings = [Finding(cause=Cause.JUDGE_OUTAGE, why="It is away.", void="interval")]
    house.tick()
    lines = metrics.render(given).decode().splitlines()
    assert 'stillhouse_transitions_total{task="t",target="canary_1",cause="gate_passed"} 1' in lines
    assert 'stillhouse_transitions_total{task="t",target="hold",cause="judge_outage"} 1' in lines
    assert 'stillhouse_rollout_state{task="t",version="1",state="hold"} 1' in lines
    assert 'stillhouse_rollout_held{task="t",version="1",cause="judge_outage"} 1' in lines
    assert 'stillhouse_notices_waiting{channel="webhook"} 4' in lines
    assert 'stillhouse_notices_dropped_total{channel="webhook"} 0' in lines
    figures = dict(line.rsplit(" ", 1) for line in lines if line.startswith("stillhouse_evidence_"))
    place = '{task="t",version="1"}'
    wealth, needed = (
        float(figures[f"stillhouse_evidence_log_{name}{place}"]) for name in ("wealth", "threshold")
    )
    assert wealth >= needed > 0
    assert -0.05 < float(figures[f"stillhouse_evidence_lower_bound{place}"]) < 0


def test_the_doctor_says_who_gets_notices(stores):
    _, given = stores
    notices = {
        "webhook": {"url": "https://x.org/hook"},
        "email": {"host": "mail.x.org", "sender": "a@x.org", "receivers": ["b@x.org"]},
    }
    settings = Settings.model_validate({"data": given.settings.data, "notices": notices})
    [leaves] = [f for f in examine(settings, None) if f["name"] == "leaves the machine"]
    assert leaves["text"].endswith("go to https://x.org/hook, 1 by mail.x.org.")
    [plain] = [f for f in examine(silent(settings), None) if f["name"] == "leaves the machine"]
    assert "Notices" not in plain["text"]


def silent(settings):
    return Settings.model_validate({"data": settings.data})
