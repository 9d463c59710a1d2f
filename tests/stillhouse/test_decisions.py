"""What the terminal says of decisions: made again, told, and foreseen."""

import json
import sqlite3
from contextlib import closing

import pytest
from makers import House as Cutover
from test_house import stores  # noqa: F401 - the same house
from test_ladder_view import climbed  # noqa: F401 - the same task
from typer.testing import CliRunner

from stillhouse.cli.app import app
from stillhouse.errors import Missing
from stillhouse.views.faces import Faces
from store.log import Log
from store.paths import DataFolder
from store.vocabulary import State, Task, TaskVersion


@pytest.fixture
def data(tmp_path):
    """A data folder in which a rollout went to its first step, and an order was refused."""
    folder = DataFolder(tmp_path).create()
    Log.open(folder.log).close()
    house = Cutover(tmp_path)
    house.open()
    house.until(State.CANARY_1)
    house.order("approve")
    house.tick()
    house.close()
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_decisions_are_made_again_and_a_difference_is_an_exit_code(data):
    said = run("replay-decisions", "--data", data)
    assert said.exit_code == 0, said.output
    assert "All 3 decisions come out the same" in said.output
    with closing(sqlite3.connect(data / "control.sqlite")) as control, control:
        control.execute("UPDATE observations SET d = -1.0 WHERE seq = 7")
    said = run("replay-decisions", "t", "--data", data, "--json")
    assert said.exit_code == 1
    found = json.loads(said.stdout)
    assert found["differences"] == len(found["rollouts"][0]["differences"]) > 0
    said = run("replay-decisions", "--data", data)
    assert said.exit_code == 1
    assert "come out differently" in said.output


def test_decisions_of_no_task_are_missing(stores):  # noqa: F811 - pytest's way
    assert Faces(stores).replayed() == {"rollouts": [], "decisions": 0, "observations": 0, "differences": 0}
    with pytest.raises(Missing):
        Faces(stores).replayed("nobody")


def test_the_story_tells_refused_orders_and_decisions_with_their_figures(data):
    told = json.loads(run("explain", "t", "--data", data, "--json").stdout)["story"]
    assert [line["sentence"] for line in told if line["kind"] == "refusal"] == [
        "approve by anna: refused: The rollout is in state canary_1; only awaiting_approval takes an approval."
    ]
    passed = next(line for line in told if "gate_passed" in line["sentence"])
    assert passed["row"]["inputs"]["figures"]["pairs"] >= 300


def test_the_story_tells_rungs_that_were_skipped_or_failed(climbed):  # noqa: F811 - pytest's way
    told = [line["sentence"] for line in Faces(climbed).explain("t")["story"] if line["kind"] == "rung"]
    assert told == ["Rung base of the ladder: skipped, the answers are no closed set."]


def test_a_cutover_is_foreseen_from_round_figures(tmp_path):
    few = ("--runs", 3, "--margin-runs", 20, "--data", tmp_path)
    said = run("simulate", "--calls-per-day", 5000, "--student", 1, "--margin", 5, *few)
    assert said.exit_code == 0, said.output
    for words in ("5,000 calls a day", "+1.0 points", "margin -5.0 points", "A wrong promotion"):
        assert words in said.output
    found = json.loads(run("simulate", "--gold", 0.1, "--json", *few).stdout)
    assert found["answer"]["runs"] == 3
    assert found["answer"]["gold"] == pytest.approx([0.2 * n for n in found["answer"]["pairs"]], abs=2)
    assert found["question"]["calls_per_day"] == 1000.0


def test_a_cutover_is_foreseen_from_a_tasks_log(data):
    said = run("simulate", "t", "--runs", 2, "--margin-runs", 5, "--data", data, "--json")
    assert said.exit_code == 0, said.output
    question = json.loads(said.stdout)["question"]
    assert (question["world"]["gap"], question["policy"]["delta"]) == (0.0, 0.03)
    assert run("simulate", "nobody", "--data", data).exit_code != 0


def test_a_student_that_cannot_be_is_refused_in_a_sentence(tmp_path):
    said = run("simulate", "--student", 50, "--data", tmp_path)
    assert said.exit_code != 0
    assert "cannot be" in str(said.exception or said.output)


def test_the_story_tells_of_an_edited_prompt(stores):  # noqa: F811 - pytest's way
    control = stores.control
    epoch = control.take_epoch("test")
    control.save_task(Task(task_id="edited", name="Edited"), epoch)
    for number in (1, 2):
        version = TaskVersion(task_id="edited", version=number, head_hash=f"h{number}", created=float(number))
        control.save_version(version, epoch)
    (told,) = Faces(stores).explain("edited")["story"]
    assert (told["kind"], told["ts"]) == ("version", 2.0)
    assert told["sentence"].startswith("The prompt is another one: version 2. The teacher answers its calls")
