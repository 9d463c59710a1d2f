"""Metrics and adapters of a fine-tuning, as a user would write them."""

import dspy

from distiller.programs.verbatim import VerbatimAdapter


def not_red(example, prediction, trace=None):
    assert trace is None
    return prediction.answer != "red"


def by_length(example, prediction, trace=None):
    return len(prediction.answer) / 100


def below_zero(example, prediction, trace=None):
    return -1.0 if prediction.answer == "red" else 1.0


def broken(example, prediction, trace=None):
    raise KeyError("no such colour")


def picky(example, prediction, trace=None):
    if prediction.answer == "red":
        raise ValueError("never seen a red one")
    return 1.0


class Louder(VerbatimAdapter):
    """Writes the answers otherwise."""

    def format_finetune_data(self, signature, demos, inputs, outputs):
        row = super().format_finetune_data(signature, demos, inputs, outputs)
        row["messages"][-1]["content"] = row["messages"][-1]["content"].upper()
        return row


class Politer(VerbatimAdapter):
    """Asks otherwise than the app does."""

    def format_finetune_data(self, signature, demos, inputs, outputs):
        row = super().format_finetune_data(signature, demos, inputs, outputs)
        row["messages"][0]["content"] += " Please."
        return row


class Armed(VerbatimAdapter):
    """Offers a tool that the app does not."""

    def format_finetune_data(self, signature, demos, inputs, outputs):
        return super().format_finetune_data(signature, demos, inputs, outputs) | {
            "tools": [{"type": "function"}]
        }


class Foreign(dspy.ChatAdapter):
    """DSPy's own field markers."""
