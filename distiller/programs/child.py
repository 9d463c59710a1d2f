"""`python -m distiller.programs.child FOLDER`: one rung that optimises a prompt, alone or with weights.

Reads spec.json and the trainset, reports JSON lines (docs/child-protocol.md), leaves result.json and out/. Serves the
student to itself. Stops when standard input closes; run again, it goes on with what was answered and trained.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from distiller.programs.spec import PromptSpec
from distiller.training.child import TOKEN, be_modest, run_child
from distiller.training.errors import TrainingError
from distiller.training.lifeline import Lifeline
from distiller.training.report import Report


def main() -> int:
    """Return the exit status: 0 done, 1 failed (the last line says why), 75 stopped and resumable."""
    return run_child("distiller.programs.child", _run)


def _run(job: Path, report: Report, lifeline: Lifeline) -> None:
    spec = PromptSpec.load(job)
    token = os.environ.pop(TOKEN, "")  # the student's server, a child of this one, has no use for it
    be_modest(job, spec.train.threads)
    try:
        from distiller.programs.optimise import Optimising  # noqa: PLC0415 - loads torch and DSPy, after the limits
    except ImportError as error:
        missing = f"training needs the local extra ({error.name} is missing)"
        raise TrainingError(f'{missing}: run `pip install "stillhouse[local]"`') from error
    Optimising(spec, job, report, lambda: lifeline.stopping, token).run()


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # DSPy and torch leave threads behind that would outlive the work
