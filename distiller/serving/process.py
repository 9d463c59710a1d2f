"""`python -m distiller.serving.process --weights PATH --port N …`: one student behind an OpenAI-compatible server.

llama.cpp inside this process (xllamacpp), on 127.0.0.1 only. Says on standard output when it has completed a
first answer, in one JSON line, and stops when standard input closes. A server that listens and does not
complete ends itself, so that whoever keeps it starts a fresh one. Knows no route, no log and no task.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distiller.serving.probe import answers
from distiller.training.lifeline import Lifeline

HOST = "127.0.0.1"
PROMPT_CACHE_MIB = 256  # of llama.cpp's store of earlier prompts, whose own default is 8 GB
FIRST_S = 60.0  # for the first token, on a machine that trains meanwhile
LOOK_S = 30.0  # between two looks at whether it still completes
PATIENCE_S = 150.0  # longer than any client waits (a shadow attempt: 120 s), so a long queue is not a hang
_QUIET = 0  # of llama.cpp's verbosity: errors only


class ServingError(Exception):
    """The server cannot start; the message is one sentence for the operator."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """What to serve, and how."""

    weights: Path  # a GGUF file, or what the engine loads
    url: str = ""  # of a server that somebody else runs
    port: int = 0  # 0: any free one; the ready line says which
    parallel: int = 4  # requests at a time
    context: int = 4096  # tokens of one request, prompt and answer together
    threads: int = 2
    model: str = "student"  # the name in /v1/models and in answers


def read_arguments(argv: Sequence[str]) -> Serving:
    """From the command line; bad ones end the process with a usage line."""
    parser = argparse.ArgumentParser(
        prog="python -m distiller.serving.process", description="Serve one student."
    )
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--url", default="")
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--context", type=int, default=4096, help="tokens of one request")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default="student")
    return Serving(**vars(parser.parse_args(argv)))


def check(serving: Serving) -> None:
    """Raise ServingError for what would make the server die without a clear word."""
    if not serving.weights.is_file():
        raise ServingError(f"no student at {serving.weights}")
    if min(serving.parallel, serving.context, serving.threads) < 1:
        raise ServingError("parallel, context and threads must be at least 1")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, serving.port))
        except OSError as error:
            raise ServingError(f"cannot listen on {HOST}:{serving.port}: {error.strerror}") from error


def start(serving: Serving) -> Any:
    """Load the model and listen; returns the running server once it has completed a token. Raises ServingError."""
    try:
        import xllamacpp  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise ServingError('serving needs the local extra: run `pip install "stillhouse[local]"`') from error
    params = xllamacpp.CommonParams()
    params.model.path = str(serving.weights)
    params.model_alias = {serving.model}
    params.hostnames = [HOST]
    params.port = serving.port
    params.n_parallel = serving.parallel
    params.n_ctx = serving.parallel * serving.context
    params.kv_unified = False  # each slot has its own context, so a long request cannot starve the others
    params.cpuparams.n_threads = serving.threads
    params.cpuparams_batch.n_threads = serving.threads
    params.n_threads_http = serving.parallel + 2
    params.use_jinja = True
    params.sampling.temp = 0.0  # greedy unless the request says otherwise, as it was evaluated
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.verbosity = _QUIET
    params.ui = False
    params.endpoint_slots = False  # it would show the prompts of others
    params.cors_origins = ""  # no web page may read an answer
    params.cors_credentials = False
    try:
        server = xllamacpp.Server(params)
    except (RuntimeError, ValueError) as error:
        raise ServingError(f"the server did not start with {serving.weights}: {error}") from error
    if not answers(server.listening_address, serving.model, FIRST_S):
        raise ServingError(f"the server gave no first token within {FIRST_S:g} s")
    return server


def watch(stopped: Callable[[float], bool], completes: Callable[[], bool]) -> int:
    """Look every LOOK_S seconds whether the server completes; returns 0 once stopped, 1 for a server that hangs.

    `stopped` waits for so many seconds and tells whether to leave.
    """
    while not stopped(LOOK_S):
        if not completes():
            sys.stderr.write(
                f"the server gave no token within {PATIENCE_S:g} s; it ends, to be started afresh\n"
            )
            return 1
    return 0


def main() -> int:
    """Serve until standard input closes or SIGTERM comes; returns the exit status."""
    # Read when the engine's OpenMP is loaded. Threads that spin while they wait for each other need every core to
    # themselves: beside a busy process two of them fell from 4 answers a second to one in 12 seconds.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the engine may print; the ready line stays alone
    serving = read_arguments(sys.argv[1:])
    lifeline = Lifeline(sys.stdin.buffer, grace_s=5.0).start()
    try:
        check(serving)
        server = start(serving)
    except ServingError as error:
        out.write(json.dumps({"event": "error", "message": str(error)}) + "\n")
        out.flush()
        sys.stderr.write(f"{error}\n")
        return 1
    out.write(json.dumps({"event": "ready", "url": server.listening_address, "model": serving.model}) + "\n")
    out.flush()
    return watch(lifeline.wait, lambda: answers(server.listening_address, serving.model, PATIENCE_S))


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # the engine's own teardown waits for open connections
