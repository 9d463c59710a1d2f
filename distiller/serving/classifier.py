"""`python -m distiller.serving.classifier --weights FOLDER --port N …`: one classifier behind an OpenAI-compatible server.

On 127.0.0.1 only, with neither torch nor llama.cpp. Says on standard output when it has completed a first
answer, in one JSON line, and stops when standard input closes. Knows no route, no log and no task.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from typing import Any

import uvicorn

from distiller.serving.probe import answers
from distiller.serving.process import FIRST_S, HOST, PATIENCE_S, Serving, ServingError, read_arguments, watch
from distiller.training.errors import TrainingError
from distiller.training.lifeline import Lifeline

_KEEP_ALIVE_S = 60


def listen(port: int) -> socket.socket:
    """Return a listening socket. Raises ServingError."""
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((HOST, port))
    except OSError as error:
        opened.close()
        raise ServingError(f"cannot listen on {HOST}:{port}: {error.strerror}") from error
    opened.listen(128)
    return opened


def start(serving: Serving) -> str:
    """Load the student and listen; returns the URL once it has completed an answer. Raises ServingError."""
    try:
        from distiller.classifier.app import App  # noqa: PLC0415 - loads numpy, after its limits
        from distiller.classifier.model import Classifier  # noqa: PLC0415
    except ImportError as error:
        raise ServingError('serving needs the local extra: run `pip install "stillhouse[local]"`') from error
    try:
        made = Classifier.load(serving.weights)
    except TrainingError as error:
        raise ServingError(str(error)) from error
    opened = listen(serving.port)
    config = uvicorn.Config(
        App(made, serving.model, min(serving.threads, serving.parallel)),
        lifespan="off", access_log=False, log_config=None, server_header=False, timeout_keep_alive=_KEEP_ALIVE_S,
    )  # fmt: skip
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, args=([opened],), name="server", daemon=True).start()
    url = f"http://{HOST}:{opened.getsockname()[1]}"
    if not answers(url, serving.model, FIRST_S):
        raise ServingError(f"the server gave no first answer within {FIRST_S:g} s")
    return url


def main() -> int:
    """Serve until standard input closes or SIGTERM comes; returns the exit status."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # read when numpy is loaded: answers go side by side, one thread each
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the ready line stays alone
    serving = read_arguments(sys.argv[1:])
    lifeline = Lifeline(sys.stdin.buffer, grace_s=5.0).start()
    try:
        url = start(serving)
    except ServingError as error:
        _tell(out, event="error", message=str(error))
        sys.stderr.write(f"{error}\n")
        return 1
    _tell(out, event="ready", url=url, model=serving.model)
    return watch(lifeline.wait, lambda: answers(url, serving.model, PATIENCE_S))


def _tell(out: Any, **event: str) -> None:
    out.write(json.dumps(event) + "\n")
    out.flush()


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a request under way is not waited for
