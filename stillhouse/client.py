"""Speaks to the admin API, for the command line and for scripts. Knows no terminal and opens no store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from stillhouse.errors import Missing, NotRunning, Refused, StillhouseError
from store.paths import DataFolder

_NOT_FOUND = 404
_ERROR = 400


class AdminClient:
    """A connection to the control process: of a data folder (a Path), or at a URL (text). A context manager.

    The token is that of the data folder unless it is given. Raises NotRunning when the data folder names no
    running control process.
    """

    def __init__(self, where: Path | str, token: str | None = None) -> None:
        url, token = _found(where, token) if isinstance(where, Path) else (where, token)
        self.url = url.rstrip("/")
        self.token = token or ""
        headers = {"authorization": f"Bearer {self.token}"}
        tls = httpx.URL(self.url).scheme == "https"  # without it, no authorities need to be read
        self._http = httpx.Client(
            base_url=self.url, headers=headers, timeout=60.0, trust_env=False, verify=tls
        )

    def __enter__(self) -> Self:
        """Give the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def status(self) -> dict[str, Any]:
        """Give figures, tasks, work and last decisions."""
        return self.get("/api/status")  # type: ignore[no-any-return]

    def tasks(self, *, everything: bool = False) -> list[dict[str, Any]]:
        """Give the tasks, busiest first; `everything`: also those that are left alone."""
        return self.get("/api/tasks", everything=everything)  # type: ignore[no-any-return]

    def task(self, task_id: str) -> dict[str, Any]:
        """Give everything about a task. Raises Missing."""
        return self.get(f"/api/tasks/{_part(task_id)}")  # type: ignore[no-any-return]

    def calls(self, **wish: Any) -> dict[str, Any]:
        """Give a page of calls, newest first; the keys are those of `stillhouse.views.calls.Wish`."""
        return self.get("/api/calls", **wish)  # type: ignore[no-any-return]

    def call(self, call_id: str) -> dict[str, Any]:
        """Give everything about one call, by its id, its completion's or a beginning of its own. Raises Missing."""
        return self.get(f"/api/calls/{_part(call_id)}")  # type: ignore[no-any-return]

    def students(self, task: str | None = None) -> list[dict[str, Any]]:
        """Give the students, oldest first."""
        return self.get("/api/students", task=task)  # type: ignore[no-any-return]

    def jobs(self, task: str | None = None) -> list[dict[str, Any]]:
        """Give the jobs, oldest first."""
        return self.get("/api/jobs", task=task)  # type: ignore[no-any-return]

    def rollouts(self, task: str | None = None, *, live: bool = False) -> list[dict[str, Any]]:
        """Give the rollouts, oldest first."""
        return self.get("/api/rollouts", task=task, live=live)  # type: ignore[no-any-return]

    def transitions(self, task: str | None = None, rollout: str | None = None) -> list[dict[str, Any]]:
        """Give the decisions with their inputs, oldest first."""
        return self.get("/api/transitions", task=task, rollout=rollout)  # type: ignore[no-any-return]

    def routes(self) -> list[dict[str, Any]]:
        """Give the published routes."""
        return self.get("/api/routes")  # type: ignore[no-any-return]

    def servers(self) -> list[dict[str, Any]]:
        """Give the student servers, wanted or not."""
        return self.get("/api/servers")  # type: ignore[no-any-return]

    def orders(self, *, pending: bool = False) -> list[dict[str, Any]]:
        """Give the operator's orders and what became of them."""
        return self.get("/api/orders", pending=pending)  # type: ignore[no-any-return]

    def ladder(self, task_id: str) -> dict[str, Any]:
        """Give the rungs that were tried for a task, with their figures."""
        return self.get(f"/api/ladder/{_part(task_id)}")  # type: ignore[no-any-return]

    def replayed(self, task: str | None = None) -> dict[str, Any]:
        """Give what comes out differently when the decisions of rollouts are made again."""
        return self.get("/api/replayed", task=task)  # type: ignore[no-any-return]

    def advice(self, task_id: str) -> list[dict[str, str]]:
        """Say what stands between a task and its student."""
        return self.get(f"/api/advice/{_part(task_id)}")  # type: ignore[no-any-return]

    def cost(self, task_id: str) -> dict[str, Any]:
        """Give what a task costs and saves."""
        return self.get(f"/api/cost/{_part(task_id)}")  # type: ignore[no-any-return]

    def audit(self, task_id: str, limit: int) -> dict[str, Any]:
        """Give the judged answers that wait for a person, and the judge's figures. Raises Missing."""
        return self.get(f"/api/tasks/{_part(task_id)}/audit", limit=limit)  # type: ignore[no-any-return]

    def label(self, task_id: str, target: str, label: str) -> dict[str, Any]:
        """Label an answer: good, bad or a number from 0 to 1. Raises Missing or Refused."""
        return self._post(f"/api/tasks/{_part(task_id)}/audit", {"target": target, "label": label})

    def explain(self, task_id: str) -> dict[str, Any]:
        """Give the story of a task. Raises Missing."""
        return self.get(f"/api/explain/{_part(task_id)}")  # type: ignore[no-any-return]

    def doctor(self) -> list[dict[str, Any]]:
        """Give the findings of an examination from inside."""
        return self.get("/api/doctor")  # type: ignore[no-any-return]

    def export(self, path: Path, task: str | None = None) -> dict[str, int]:
        """Write calls with their answers, as JSON lines or `.parquet`; gives how many `calls` and `bytes`.

        Raises Missing for an unknown task, Refused for a file of Stillhouse's own.
        """
        params = _given({"task": task, "to": str(path.absolute())})
        written = 0
        try:
            with self._http.stream("GET", "/api/export", params=params) as answer:
                if answer.status_code >= _ERROR:
                    answer.read()
                    self._refuse(answer)
                with path.open("wb") as file:
                    for piece in answer.iter_bytes():
                        written += file.write(piece)
                calls = int(answer.headers["x-stillhouse-calls"])
        except httpx.TransportError as error:
            raise self._not_running() from error
        except OSError as error:
            raise StillhouseError(f"{path} cannot be written: {error.strerror}.") from error
        return {"calls": calls, "bytes": written}

    def distill(self, task_id: str, *, anyway: bool = False) -> dict[str, Any]:
        """Queue a distillation now, `anyway` even if not all is ready; gives the job. Raises Refused."""
        return self._post(f"/api/tasks/{_part(task_id)}/distill?anyway={str(anyway).lower()}")

    def cancel(self, job_id: str) -> None:
        """Stop a job for good. Raises Refused where it has ended."""
        self._post(f"/api/jobs/{_part(job_id)}/cancel")

    def order(self, target: str, verb: str, reason: str = "", about: str = "") -> dict[str, Any]:
        """Order something of a rollout, named by its id or its task. Raises Refused."""
        return self._post(f"/api/rollouts/{_part(target)}/{verb}", {"reason": reason, "slice": about})

    def rename(self, task_id: str, name: str, reason: str = "") -> dict[str, Any]:
        """Order that a task is called otherwise; gives the order. Raises Missing or Refused."""
        return self._post(f"/api/tasks/{_part(task_id)}/rename", {"name": name, "reason": reason})

    def merge(self, task_id: str, into: str, reason: str = "") -> dict[str, Any]:
        """Order that all versions of a task become another one's; gives the order. Raises Missing or Refused."""
        return self._post(f"/api/tasks/{_part(task_id)}/merge", {"into": into, "reason": reason})

    def split(
        self, task_id: str, versions: Sequence[int], name: str = "", reason: str = ""
    ) -> dict[str, Any]:
        """Order that some versions become a task of their own; gives the order. Raises Missing or Refused."""
        body = {"versions": list(versions), "name": name, "reason": reason}
        return self._post(f"/api/tasks/{_part(task_id)}/split", body)

    def ignore(self, task_id: str, reason: str = "", *, undo: bool = False) -> dict[str, Any]:
        """Order that a task is left alone, or no more; gives the order. Raises Missing or Refused."""
        return self._post(f"/api/tasks/{_part(task_id)}/ignore", {"undo": undo, "reason": reason})

    def lineage(self, task: str | None = None) -> list[dict[str, Any]]:
        """Give the orders about tasks, or about one, and what became of them, oldest first."""
        return self.get("/api/lineage", task=task)  # type: ignore[no-any-return]

    def erase(self, **wish: Any) -> dict[str, Any]:
        """Have somebody forgotten; the keys are those of `stillhouse.erasure.Wish`. Gives the erasure. Raises Refused."""
        return self._post("/api/erasures", _given(wish))

    def erasures(self) -> list[dict[str, Any]]:
        """Give the erasures, oldest first."""
        return self.get("/api/erasures")  # type: ignore[no-any-return]

    def erasure(self, erasure_id: str) -> dict[str, Any]:
        """Give one erasure with its report. Raises Missing."""
        return self.get(f"/api/erasures/{_part(erasure_id)}")  # type: ignore[no-any-return]

    def export_student(self, student_id: str, folder: Path) -> dict[str, Any]:
        """Have a student written into a new folder; gives what was written. Raises Missing, Refused."""
        body = {"folder": str(folder.absolute())}
        path = f"/api/students/{_part(student_id)}/export"
        answer: dict[str, Any] = self._ask("POST", path, json=body, timeout=None)
        return answer

    def backup(self, folder: Path) -> dict[str, Any]:
        """Have the house copied into a folder, however long it takes; gives what was copied. Raises Refused."""
        body = {"folder": str(folder.absolute())}
        answer: dict[str, Any] = self._ask("POST", "/api/backups", json=body, timeout=None)
        return answer

    def stop_students(self) -> None:
        """Let the teacher answer everything."""
        self._post("/api/students/stop")

    def resume_students(self) -> None:
        """Let routes count again."""
        self._post("/api/students/resume")

    def get(self, path: str, **params: Any) -> Any:
        """Read any path below /api; gives its JSON."""
        return self._ask("GET", path, params=_given(params))

    def _post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = self._ask("POST", path, json=body if body is not None else {})
        return answer

    def _ask(self, method: str, path: str, **parts: Any) -> Any:
        try:
            answer = self._http.request(method, path, **parts)
        except httpx.TransportError as error:
            raise self._not_running() from error
        if answer.status_code >= _ERROR:
            self._refuse(answer)
        return answer.json()

    def _refuse(self, answer: httpx.Response) -> None:
        try:
            sentence = str(answer.json()["error"]["message"])
        except (ValueError, KeyError, TypeError):
            sentence = f"Control answered with status {answer.status_code}."
        raise Missing(sentence) if answer.status_code == _NOT_FOUND else Refused(sentence)

    def _not_running(self) -> NotRunning:
        return NotRunning(f"Control does not answer at {self.url}; is `stillhouse up` running?")


def _found(data: Path, token: str | None) -> tuple[str, str]:
    folder = DataFolder(data)
    file = folder.run / "control.url"
    if not file.exists():
        raise NotRunning(f"Nothing runs on the data folder {folder.root}; start with `stillhouse up`.")
    return file.read_text("utf-8").strip(), token or folder.admin_token()


def _given(params: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if value is not None}


def _part(text: str) -> str:
    if text in {"", ".", ".."}:  # no part of a path
        raise Missing(f"Nothing is named {text!r}.")
    return quote(text, safe="")
