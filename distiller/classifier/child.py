"""`python -m distiller.classifier.child FOLDER`: one classifier, from rows to a student that can be served.

Reads spec.json and the trainset, reports JSON lines (docs/child-protocol.md), leaves result.json and out/.
Knows no log, no control state and no server. Stops when standard input closes; run again, it goes on.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from distiller.classifier.spec import ClassifierSpec
from distiller.training.child import be_modest
from distiller.training.errors import Stopped, TrainingError
from distiller.training.lifeline import EXIT_STOPPED, Lifeline
from distiller.training.report import Report
from distiller.training.spec import SpecError

_log = logging.getLogger("distiller.classifier")


def main() -> int:
    """Return the exit status: 0 done, 1 failed (the last line says why), 75 stopped and resumable."""
    report = Report.on_stdout()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and the folder
        report.error("usage: python -m distiller.classifier.child FOLDER")
        return 1
    folder = Path(sys.argv[1]).absolute()
    lifeline = Lifeline(sys.stdin.buffer).start()
    try:
        _run(folder, report, lifeline)
    except Stopped as stop:
        report.error(str(stop))
        return EXIT_STOPPED
    except (TrainingError, SpecError) as error:
        _log.error("%s", error)
        report.error(str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - the top of the process: everything ends as one line
        _log.exception("the classifier failed")
        report.error(f"the classifier failed: {type(error).__name__}: {error}")
        return 1
    report.done()
    return 0


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
