"""`python -m distiller.training.child JOB_FOLDER`: one fine-tuning, from rows to a served-ready student.

Reads spec.json and the trainset, reports JSON lines (docs/child-protocol.md), leaves result.json and out/.
Knows no log, no control state and no server. Stops when standard input closes; run again, it goes on.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from distiller.training.errors import Stopped, TrainingError
from distiller.training.lifeline import EXIT_STOPPED, Lifeline
from distiller.training.report import Report
from distiller.training.spec import SpecError, TrainSpec

_log = logging.getLogger("distiller.training")
LOWEST_PRIORITY = 19
TOKEN = "STILLHOUSE_JOB_TOKEN"  # noqa: S105 - the variable that holds the access to models


def main() -> int:
    """Return the exit status: 0 done, 1 failed (the last line says why), 75 stopped and resumable."""
    return run_child("distiller.training.child", _run)


def run_child(module: str, work: Callable[[Path, Report, Lifeline], None]) -> int:
    """Do `work` in the folder that the command line names, and end as `docs/child-protocol.md` says."""
    report = Report.on_stdout()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and the folder
        report.error(f"usage: python -m {module} JOB_FOLDER")
        return 1
    job = Path(sys.argv[1]).absolute()
    lifeline = Lifeline(sys.stdin.buffer).start()
    try:
        work(job, report, lifeline)
    except Stopped as stop:
        report.error(str(stop))
        return EXIT_STOPPED
    except (TrainingError, SpecError) as error:
        _log.error("%s", error)
        report.error(str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - the top of the process: everything ends as one line
        _log.exception("training failed")
        report.error(f"training failed: {type(error).__name__}: {error}")
        return 1
    report.done()
    return 0


def _run(job: Path, report: Report, lifeline: Lifeline) -> None:
    spec = TrainSpec.load(job)
    token = os.environ.pop(TOKEN, "")
    be_modest(job, spec.threads)
    try:
        from distiller.training.work import Work  # noqa: PLC0415 - loads torch and DSPy, after the limits
    except ImportError as error:
        missing = f"training needs the local extra ({error.name} is missing)"
        raise TrainingError(f'{missing}: run `pip install "stillhouse[local]"`') from error
    Work(spec, job, report, lambda: lifeline.stopping, token).run()


def be_modest(job: Path, threads: int) -> None:
    """Take the lowest priority and `threads` cores; keep every cache inside the job's folder."""
    os.nice(LOWEST_PRIORITY - os.nice(0))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    # A thread that waits must sleep, not spin: spinning, it keeps its core from the thread that it waits for
    # whenever a gateway takes the other core (measured: 1.6 times the matrix products a second).
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ["DSPY_CACHEDIR"] = str(job / "cache")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["TQDM_DISABLE"] = "1"  # its bars are no log


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # DSPy and torch leave threads behind that would outlive the work
