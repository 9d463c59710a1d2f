"""What is used of DSPy and GEPA without being promised; a version that moves one must fail here."""

import inspect

import dspy
import gepa
from dspy.clients.provider import Provider
from dspy.teleprompt import Teleprompter
from dspy.teleprompt.gepa import gepa_utils
from dspy.teleprompt.gepa.instruction_proposal import InstructionProposer
from gepa.utils import StopperProtocol
from promptkit import bench, copied

from distiller.programs.provider import LocalProvider
from distiller.programs.verbatim import AnswerCall
from distiller.serving.servers import Servers


def named(function):
    return list(inspect.signature(function).parameters)


def test_optimisers_are_called_by_these_names():
    assert {"student", "trainset", "teacher"} <= set(named(dspy.BootstrapFewShot.compile))
    assert {"student", "trainset", "valset"} <= set(named(dspy.GEPA.compile))
    assert {"strategy", "shuffle_trainset_between_steps", "max_errors"} <= set(
        named(dspy.BetterTogether.compile)
    )
    assert named(Teleprompter.__init__) == ["self"]
    assert {"max_metric_calls", "instruction_proposer", "gepa_kwargs"} <= set(named(dspy.GEPA.__init__))


def test_gepa_takes_a_stopper_beside_its_own_and_shows_its_own_proposer_values():
    assert "stop_callbacks" in named(gepa.optimize)
    assert named(StopperProtocol.__call__) == ["self", "gepa_state"]
    assert "_builtin_instruction_proposer" in inspect.getsource(
        gepa_utils.DspyAdapter.make_reflective_dataset
    )
    assert named(InstructionProposer.__call__) == [
        "self", "candidate", "reflective_dataset", "components_to_update",
    ]  # fmt: skip


def test_better_together_says_that_a_step_failed():
    source = inspect.getsource(dspy.BetterTogether)
    assert "best_student.flag_compilation_error_occurred" in source
    assert "best_student.candidate_programs" in source
    assert "launch_lms(student)" in source


def test_a_fine_tuned_model_is_a_copy_with_another_name(tmp_path):
    with bench(copied, tmp_path) as made:
        tuned = made.lm.copy(model="tuned")
        assert (tuned.model, made.lm.model) == ("tuned", "base")
        assert tuned.line is made.lm.line
        program = made.student.deepcopy()
        assert program.lm is made.lm


def test_launch_and_kill_reach_the_server(tmp_path):
    assert named(Provider.launch) == named(Provider.kill) == ["lm", "launch_kwargs"]
    with bench(copied, tmp_path) as made:
        made.lm.launch()
        made.lm.launch()
        made.lm.kill()
        made.lm.kill()
        assert made.house.seen == ["start base", "stop base"]
    provider = LocalProvider(lambda _: "x")
    provider.launch(dspy.LM("none"))
    provider.kill(dspy.LM("none"))
    assert {"url", "stop"} <= set(dir(Servers))


def test_a_reset_copy_forgets_model_and_examples_and_keeps_instructions(tmp_path):
    with bench(copied, tmp_path) as made:
        student = made.student
        student.demos = [dspy.Example(turns=[])]
        fresh = student.reset_copy()
        assert fresh.lm is None
        assert fresh.demos == []
        assert fresh.signature.instructions == student.signature.instructions != AnswerCall.instructions


def test_an_examples_own_words_come_back_from_a_bootstrap():
    assert "dspy.Example(augmented=True, **inputs, **outputs)" in inspect.getsource(
        dspy.BootstrapFewShot._bootstrap_one_example
    )
