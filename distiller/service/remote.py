"""One fine-tuning at a service, durable: whatever was begun is noted before the next step, and found again. Knows no API."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx

from distiller.service.dialect import Dialect, Seen, ServiceError, Stage, Wanted
from distiller.training.errors import Stopped, TrainingError
from distiller.training.files import write
from distiller.training.report import Report

_log = logging.getLogger("distiller.service")
NOTE = "remote.json"
_CHARACTERS = 3.5  # of a token
_MILLION = 1e6
_AGAIN = 6  # tries of a request that nobody answered, or with a 5xx or 429
_LATER = ("408", "409", "425", "429", "5")
_PARTS = 100
_GONE = "404"
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """What has been begun at the service."""

    mark: str
    train: str | None = None
    validation: str | None = None
    creating: bool = False  # a job may have been created whose id never arrived
    job: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a job may cost and take."""

    usd_per_million: float  # trained tokens
    max_usd: float
    max_s: float
    poll_s: float


class Remote:
    """Takes rows to a tuned model. `stopping(seconds)` waits so long and tells whether to leave."""

    def __init__(
        self,
        dialect: Dialect,
        http: httpx.Client,
        folder: Path,
        *,
        report: Report,
        limits: Limits,
        stopping: Callable[[float], bool],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._dialect = dialect
        self._http = http
        self._folder = folder
        self._report = report
        self._limits = limits
        self._stopping = stopping
        self._now = now

    def run(self, wanted: Wanted, train: bytes, validation: bytes | None) -> Seen:
        """Return the finished job. Raises TrainingError, with the service's own words; Stopped when asked to leave.

        Nothing is uploaded where the estimate is above the ceiling; a job that is billed above it is cancelled.
        """
        wanted = replace(wanted, mark=mark(wanted, train, validation))
        self._affordable(train, wanted.epochs)
        try:
            note = self._begun(wanted, train, validation)
            return self._watch(wanted, str(note.job))
        except ServiceError as error:
            raise TrainingError(f"the training service: {error}") from error
        except httpx.HTTPError as error:
            raise TrainingError(f"the training service does not answer ({type(error).__name__})") from error

    def cancel(self, wanted: Wanted) -> None:
        """End the job that an earlier run began, if there is one."""
        note = self._note()
        if note is not None and note.job is not None:
            self._dialect.cancel(self._http, wanted, note.job)

    def _affordable(self, train: bytes, epochs: int) -> None:
        usd = len(train) / _CHARACTERS * epochs / _MILLION * self._limits.usd_per_million
        if usd > self._limits.max_usd:
            raise TrainingError(
                f"training is estimated at ${usd:,.2f}, more than service.max_usd (${self._limits.max_usd:,.2f}): nothing was sent"
            )

    def _begun(self, wanted: Wanted, train: bytes, validation: bytes | None) -> Note:
        note = self._note()
        if note is None or note.mark != wanted.mark:
            note = self._keep(Note(mark=wanted.mark))
        if note.job is not None:
            return note
        if note.creating and (found := self._try(lambda: self._dialect.find(self._http, wanted))) is not None:
            return self._keep(replace(note, job=found))
        if note.train is None:
            note = self._keep(replace(note, train=self._upload(wanted, "train.jsonl", train)))
        if validation and note.validation is None:
            note = self._keep(replace(note, validation=self._upload(wanted, "validation.jsonl", validation)))
        note = self._keep(replace(note, creating=True))
        return self._keep(replace(note, job=self._try(lambda: self._create(wanted, note))))

    def _create(self, wanted: Wanted, note: Note) -> str:
        """Create a job. Where the answer is lost it is looked for by its mark, before anybody tries again."""
        try:
            return self._dialect.create(self._http, wanted, str(note.train), note.validation)
        except (httpx.HTTPError, ServiceError) as error:
            if isinstance(error, ServiceError) and not str(error).startswith(_LATER):
                raise
            found = self._try(lambda: self._dialect.find(self._http, wanted))
            if found is None:
                raise
            return found

    def _upload(self, wanted: Wanted, name: str, rows: bytes) -> str:
        return self._try(lambda: self._dialect.upload(self._http, wanted, name, rows))

    def _watch(self, wanted: Wanted, job: str) -> Seen:
        began = self._now()
        while True:
            seen = self._seen(wanted, job)
            self._report.progress("train", round(seen.percent or 0), _PARTS)
            if seen.usd is not None and seen.usd > self._limits.max_usd and seen.stage is not Stage.DONE:
                self._dialect.cancel(self._http, wanted, job)
                raise TrainingError(
                    f"the service bills ${seen.usd:,.2f}, more than service.max_usd: the job was cancelled"
                )
            if seen.stage is Stage.DONE:
                if not seen.model:
                    raise ServiceError(f"the job {job} succeeded and names no model")
                return seen
            if seen.stage in {Stage.FAILED, Stage.CANCELLED}:
                self._forget()
                raise ServiceError(seen.error or f"the job {job} is {seen.stage}")
            if self._now() - began > self._limits.max_s:
                self._dialect.cancel(self._http, wanted, job)
                raise TrainingError(
                    f"the job {job} was not done after {self._limits.max_s / 3600:.1f} hours and was cancelled"
                )
            if self._stopping(self._limits.poll_s):
                raise Stopped("stopped; the job at the service goes on, and a rerun finds it again")

    def _seen(self, wanted: Wanted, job: str) -> Seen:
        try:
            return self._try(lambda: self._dialect.look(self._http, wanted, job))
        except ServiceError as error:
            if not str(error).startswith(_GONE):
                raise
            self._forget()
            raise ServiceError(f"it no longer knows the job {job} ({error})") from error

    def _forget(self) -> None:
        """Let the next try begin anew."""
        (self._folder / NOTE).unlink(missing_ok=True)

    def _try(self, ask: Callable[[], Result]) -> Result:
        """Ask again, a little later each time, where nobody answered or the service says that it is busy."""
        for number in range(_AGAIN - 1):
            try:
                return ask()
            except (httpx.HTTPError, ServiceError) as error:
                if isinstance(error, ServiceError) and not str(error).startswith(_LATER):
                    raise
                _log.warning("asked again: %s", error)
                if self._stopping(min(30.0, self._limits.poll_s * 2**number)):
                    raise Stopped("stopped; a rerun goes on from what was begun") from error
        return ask()

    def _note(self) -> Note | None:
        path = self._folder / NOTE
        return Note(**json.loads(path.read_text("utf-8"))) if path.is_file() else None

    def _keep(self, note: Note) -> Note:
        write(self._folder / NOTE, json.dumps(asdict(note)))
        return note


def mark(wanted: Wanted, train: bytes, validation: bytes | None) -> str:
    """Return 16 hex digits of what decides the outcome: model, epochs, seed and rows."""
    digest = hashlib.sha256(repr((wanted.model, wanted.epochs, wanted.seed, wanted.suffix)).encode())
    digest.update(train)
    digest.update(validation or b"")
    return digest.hexdigest()[:16]


def as_rows(chats: list[dict[str, Any]]) -> bytes:
    """Return chat rows as JSON lines."""
    return b"".join(json.dumps(chat, ensure_ascii=False).encode() + b"\n" for chat in chats)
