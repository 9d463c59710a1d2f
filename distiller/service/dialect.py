"""What every fine-tuning service can do, and what is asked of it. Knows no service."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import httpx


class Stage(StrEnum):
    """How far a job at the service is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One fine-tuning."""

    model: str  # the base, as the service calls it
    epochs: int
    seed: int
    suffix: str  # for people to read
    mark: str  # 16 hex digits of rows and hyperparameters: by it our own job is found again
    account: str = ""  # where a service has accounts in its paths

    @property
    def name(self) -> str:
        """A name for the job and its model, at most 40 characters."""
        return f"{self.suffix[:23]}-{self.mark}".strip("-").lower()


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What the service says of a job. None: it does not say."""

    stage: Stage
    model: str | None = None  # the tuned one
    error: str | None = None  # the service's own words
    tokens: int | None = None
    usd: float | None = None
    percent: float | None = None


class ServiceError(Exception):
    """The service refused, failed, or lost the job; the message has its own words."""


class Dialect(Protocol):
    """One service's API. Every method raises ServiceError for a refusal, httpx.HTTPError where none answered."""

    def upload(self, http: httpx.Client, wanted: Wanted, name: str, rows: bytes) -> str:
        """Upload JSON lines and return the file's id. Safe to repeat."""
        ...

    def create(self, http: httpx.Client, wanted: Wanted, train: str, validation: str | None) -> str:
        """Begin a job and return its id."""
        ...

    def find(self, http: httpx.Client, wanted: Wanted) -> str | None:
        """Return the id of the job with our mark that is not cancelled or failed, None where there is none."""
        ...

    def look(self, http: httpx.Client, wanted: Wanted, job: str) -> Seen:
        """Return how far a job is."""
        ...

    def cancel(self, http: httpx.Client, wanted: Wanted, job: str) -> None:
        """Ask the service to end a job."""
        ...


def answer(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer. Raises ServiceError with the server's own sentence."""
    try:
        told = response.json()
    except ValueError:
        told = None
    if response.is_success and isinstance(told, dict):
        return told
    raise ServiceError(
        f"{response.status_code}: {_words(told) or response.text[:300] or response.reason_phrase}"
    )


def _words(told: Any) -> str | None:
    if not isinstance(told, dict):
        return None
    error = told.get("error")
    words = error.get("message") if isinstance(error, dict) else error or told.get("message")
    return str(words) if words else None
