"""What can go wrong in a training job. Knows no torch and no process.

TrainingError
    BaseUnavailable   the base model cannot be had
    TooFewRows        not enough passing rows to train on
    Unexportable      the base is of a kind that cannot be written for the local server
    Stopped           asked to stop; a rerun resumes
Each message is one sentence for the operator.
"""

from __future__ import annotations


class TrainingError(Exception):
    """Root of the errors of this package."""


class BaseUnavailable(TrainingError):  # noqa: N818
    """The base model cannot be had; the message names the command that helps."""


class TooFewRows(TrainingError):  # noqa: N818
    """Fewer passing rows than the spec's `min_rows`."""


class Unexportable(TrainingError):  # noqa: N818
    """This model or tokenizer has no known GGUF form."""


class Stopped(TrainingError):  # noqa: N818
    """Standard input closed or SIGTERM came."""
