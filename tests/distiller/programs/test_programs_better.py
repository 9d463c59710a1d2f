"""BetterTogether: prompt, weights, prompt, with a server that goes where the weights go."""

import pytest
from promptkit import bench, copied, rows

from distiller.programs.better import Finetune, better_together
from distiller.programs.fewshot import FewShot
from distiller.programs.teaching import Teaching
from distiller.settings import FinetuneSettings
from distiller.training.errors import Stopped, TooFewRows, TrainingError


def together(made, **own):
    prompt = FewShot(made.measure, made.wire, made.room, seed=0, tell=lambda *_: None)
    weights = Finetune(made.adapter, Teaching(finetune=FinetuneSettings(**own)))
    return better_together(made.student, made.sliced, prompt, weights, made.measure, threads=2)


def helped(body):
    """A student that examples help a little and weights wholly."""
    if body["model"] == "tuned" or ("grey" in body["messages"][-1]["content"] and len(body["messages"]) > 5):
        return copied(body)
    return "dunno"


def test_the_weights_are_trained_on_the_prompt_that_was_found_and_served_where_they_are_asked(tmp_path):
    trained = []

    def train(chats):
        trained.append(chats)
        return "tuned"

    with bench(helped, tmp_path, train=train) as made:
        best = together(made)
        (chats,) = trained
        assert best.lm.model == "tuned"
        assert best.candidate_programs[0]["strategy"] == "p -> w"
        program = made.wire.read(best)
        assert program.demos
        messages = {tuple(m["content"] for m in chat["messages"]) for chat in chats}
        shown = tuple(m["content"] for m in program.demos)
        assert all(one[1 : 1 + len(shown)] == shown for one in messages)
        logged = {r["completion"]["content"] for r in rows()}
        assert {one[-1] for one in messages} == logged
        assert len(messages) == len(made.sliced.learn)
        starts = [event for event in made.house.seen if event.startswith("start")]
        assert starts == ["start base", "start tuned"]
        assert made.house.seen.index("stop base") < made.house.seen.index("start tuned")


def test_a_tuned_model_that_is_worse_is_not_taken(tmp_path):
    with bench(
        lambda body: "dunno" if body["model"] == "tuned" else copied(body), tmp_path, train=lambda _: "tuned"
    ) as made:
        best = together(made)
        assert best.lm.model == "base"
        assert made.wire.read(best) == made.wire.start


@pytest.mark.parametrize("error", [TooFewRows("too few"), Stopped("stopped")])
def test_a_step_that_fails_fails_the_whole(tmp_path, error):
    def train(_):
        raise error

    with bench(helped, tmp_path, train=train) as made, pytest.raises(type(error), match=str(error)):
        together(made)


def test_the_tasks_own_parameters_reach_the_weights_step(tmp_path):
    trained = []

    def train(chats):
        trained.append(chats)
        return "tuned"

    own = {"metric": "python:user_parts:not_red", "exclude_demos": True, "num_threads": 4}
    with bench(helped, tmp_path, train=train) as made:
        together(made, **own)
        (chats,) = trained
        kept = [row for row in made.sliced.learn if row.completion["content"] != "red"]
        assert len(chats) == len(kept) < len(made.sliced.learn)
        assert {len(chat["messages"]) for chat in chats} == {3}, (
            "the head, the question, the answer: no examples"
        )


def test_a_metric_that_scores_nothing_says_so(tmp_path):
    def train(chats):
        raise TooFewRows(f"{len(chats)} rows")

    with (
        bench(helped, tmp_path, train=train) as made,
        pytest.raises(TrainingError, match=r"scored no answer: .*no such colour"),
    ):
        together(made, metric="python:user_parts:broken")
