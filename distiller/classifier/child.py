"""`python -m distiller.classifier.child FOLDER`: one classifier, from rows to a student that can be served.

Reads spec.json and the trainset, reports JSON lines (docs/child-protocol.md), leaves result.json and out/.
Knows no log, no control state and no server. Stops when standard input closes; run again, it goes on.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from distiller.classifier.spec import ClassifierSpec
from distiller.training.child import be_modest, run_child
from distiller.training.errors import TrainingError
from distiller.training.lifeline import Lifeline
from distiller.training.report import Report


def main() -> int:
    """Return the exit status, as `docs/child-protocol.md` says."""
    return run_child("distiller.classifier.child", _run)


def _run(folder: Path, report: Report, lifeline: Lifeline) -> None:
    spec = ClassifierSpec.load(folder)
    be_modest(folder, 1)  # texts go side by side, one thread each: small products do not share well
    try:
        from distiller.classifier.work import Work  # noqa: PLC0415 - loads numpy and torch, after the limits
    except ImportError as error:
        missing = f"a classifier needs the local extra ({error.name} is missing)"
        raise TrainingError(f'{missing}: run `pip install "stillhouse[local]"`') from error
    Work(spec, folder, report, lambda: lifeline.stopping).run()


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # torch leaves threads behind that would outlive the work
