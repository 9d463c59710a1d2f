"""Orders about slices, from the command line and the admin API to the decision and back."""

from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient
from makers import House
from typer.testing import CliRunner

from stillhouse.admin import app as admin
from stillhouse.cli.app import app as cli
from stillhouse.desk import ControlDesk
from stillhouse.errors import Refused


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    made.open()
    made.tick()
    yield made
    made.close()


def test_a_slice_is_excluded_and_taken_back_in_by_orders_with_reasons(house):
    stores = SimpleNamespace(control=house.control)
    app = admin.build(stores, ControlDesk(stores, 1, executor=None, erasing=None), (), token="t", hosts=())
    with TestClient(app, "http://localhost", headers={"authorization": "Bearer t"}) as client:
        mute = client.post("/api/rollouts/t/exclude", json={"slice": "length:long"})
        assert (mute.status_code, "needs a reason" in mute.text) == (409, True)
        for typed, said in (("language:gr", "language is one of en, de"), ("langauge:de", "is no dimension")):
            wrong = client.post("/api/rollouts/t/exclude", json={"slice": typed, "reason": "It is too much."})
            assert (wrong.status_code, said in wrong.text) == (409, True)
        assert house.control.orders() == []
        for verb, kept in (("exclude", ("length:long",)), ("exclude", ("length:long",)), ("include", ())):
            wish = {"slice": " length:long ", "reason": "It is too much."}
            made = client.post(f"/api/rollouts/t/{verb}", json=wish)
            assert (made.status_code, made.json()["slice"]) == (202, "length:long")
            house.tick()
            assert house.control.routes()[0].excluded == kept
    outcomes = [order.outcome for order in house.control.orders(pending=False)]
    assert outcomes == ["done", "refused: The teacher keeps length:long already.", "done"]
    assert [t.cause for t in house.control.transitions()][-2:] == ["excluded", "included"]


@pytest.mark.parametrize("wrong", [("exclude", "t"), ("pause", "t", "--slice", "length:long")])
def test_only_orders_about_a_slice_name_one(wrong):
    said = CliRunner().invoke(cli, ["rollout", *wrong, "--reason", "because"]).exception
    assert isinstance(said, Refused)
    assert "are about a slice" in str(said)
