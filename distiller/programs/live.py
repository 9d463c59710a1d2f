"""A model that is asked for the answers to learn from, over HTTP, with a token that has a budget. Knows no DSPy.

Every answer is kept: a child that was killed and goes on pays for none twice.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from distiller.evaluation.ask import body, read_reply
from distiller.programs.student import FAILED, PATIENCE_S, Answers
from distiller.programs.verbatim import Message
from distiller.programs.watch import Watch
from distiller.scoring.about import about
from distiller.training.errors import TrainingError
from store.ids import digest

_AGAIN_S = (1.0, 4.0)  # waits before an answer that failed for now is asked for again
_SPENT = httpx.codes.PAYMENT_REQUIRED
_MOST = 10  # answers in a row that failed, after which the teacher counts as gone
_log = logging.getLogger("distiller.programs")


class Live:
    """Answers calls by their ids. `requests`: as the app sent them, whatever the student is shown."""

    def __init__(
        self,
        model: str,
        requests: Mapping[str, dict[str, Any]],
        *,
        client: httpx.Client,
        answers: Answers,
        watch: Watch,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._model = model
        self._requests = requests
        self._client = client
        self._answers = answers
        self._watch = watch
        self._sleep = sleep
        self._same: dict[str, list[str]] = {}  # ids of the calls that ask the same
        for call_id, request in requests.items():
            self._same.setdefault(_key(body(request, model)), []).append(call_id)
        self._lock = threading.Lock()  # guards what follows
        self._spent = False
        self._failed = 0  # in a row

    def __call__(self, call_id: str) -> Message:
        """Return the answer; FAILED where there is no whole one, and for every call once the budget is spent.

        Raises Stopped when asked to stop, TrainingError where the model cannot be asked at all.
        """
        wanted = body(self._requests[call_id], self._model)
        key = _key(wanted)
        if (known := self._answers.get(key)) is not None:
            return known
        self._watch.check()
        response = None if self._spent else self._ask(wanted, about(self._same[key]))
        if response is None:
            return FAILED  # not kept: another time it may be answered
        reply = read_reply(response)
        message = FAILED if reply.error or reply.message is None else reply.message
        self._answers.keep(key, message)
        return message

    def _ask(self, wanted: dict[str, Any], headers: Mapping[str, str]) -> httpx.Response | None:
        """Return a response of the model, None where there is none for now."""
        for wait_s in (*_AGAIN_S, None):
            why = ""
            try:
                response = self._client.post(
                    "chat/completions", json=wanted, headers=dict(headers), timeout=PATIENCE_S
                )
            except httpx.HTTPError as error:
                why = f"{type(error).__name__}: {error}".rstrip(": ")
            else:
                if response.is_success or response.status_code == httpx.codes.BAD_REQUEST:
                    with self._lock:
                        self._failed = 0
                    return response
                if response.status_code == _SPENT:
                    self._spend()
                    return None
                why = f"status {response.status_code}"
                if response.is_client_error and response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                    raise self._watch.broke(TrainingError(f"the teacher {self._model} refuses: {why}"))
            if wait_s is not None:
                self._sleep(wait_s)
                self._watch.check()
        with self._lock:
            self._failed += 1
            if self._failed >= _MOST:
                raise self._watch.broke(TrainingError(f"the teacher {self._model} does not answer: {why}"))
        return None

    def _spend(self) -> None:
        with self._lock:
            if not self._spent:
                _log.warning(
                    "the budget for the teacher %s is spent; what it has answered is learnt", self._model
                )
            self._spent = True


def _key(wanted: dict[str, Any]) -> str:
    return digest(json.dumps(wanted, sort_keys=True).encode())
