"""Fireworks' fine-tuning API. Names are ours to choose there, so every step is safe to repeat. Knows no durability."""

from __future__ import annotations

import httpx

from distiller.service.dialect import Seen, Stage, Wanted, answer

_STAGES = {
    "JOB_STATE_COMPLETED": Stage.DONE, "JOB_STATE_EARLY_STOPPED": Stage.DONE, "JOB_STATE_FAILED": Stage.FAILED,
    "JOB_STATE_EXPIRED": Stage.FAILED, "JOB_STATE_CANCELLED": Stage.CANCELLED, "JOB_STATE_CANCELLING": Stage.CANCELLED,
    "JOB_STATE_RUNNING": Stage.RUNNING, "JOB_STATE_WRITING_RESULTS": Stage.RUNNING,
}  # fmt: skip


class Fireworks:
    """https://docs.fireworks.ai/fine-tuning/fine-tuning-via-api."""

    def upload(self, http: httpx.Client, wanted: Wanted, name: str, rows: bytes) -> str:
        """Make a dataset of a name of ours, where there is none yet, and fill it."""
        dataset = f"{wanted.name}-{name.partition('.')[0]}"
        account = f"accounts/{wanted.account}"
        lines = rows.count(b"\n")
        body = {"datasetId": dataset, "dataset": {"userUploaded": {}, "exampleCount": str(lines)}}
        made = http.post(f"{account}/datasets", json=body)
        if made.status_code != httpx.codes.CONFLICT:
            answer(made)
        files = {"file": (name, rows, "application/jsonl")}
        answer(http.post(f"{account}/datasets/{dataset}:upload", files=files))
        return f"{account}/datasets/{dataset}"

    def create(self, http: httpx.Client, wanted: Wanted, train: str, validation: str | None) -> str:
        """Begin a job of a name of ours."""
        body = {
            "displayName": wanted.name,
            "dataset": train,
            **({"evaluationDataset": validation} if validation else {}),
            "baseModel": wanted.model,
            "outputModel": f"accounts/{wanted.account}/models/{wanted.name}",
            "epochs": wanted.epochs,
        }
        path = f"accounts/{wanted.account}/supervisedFineTuningJobs"
        return str(answer(http.post(path, json=body))["name"])

    def find(self, http: httpx.Client, wanted: Wanted) -> str | None:
        """Look through the jobs for our name."""
        told = answer(http.get(f"accounts/{wanted.account}/supervisedFineTuningJobs"))
        for job in told.get("supervisedFineTuningJobs") or []:
            ended = _STAGES.get(str(job.get("state"))) in {Stage.FAILED, Stage.CANCELLED}
            if job.get("displayName") == wanted.name and not ended:
                return str(job["name"])
        return None

    def look(self, http: httpx.Client, wanted: Wanted, job: str) -> Seen:  # noqa: ARG002 - a name is a path
        """Read the job."""
        told = answer(http.get(job))
        progress, status = told.get("jobProgress") or {}, told.get("status") or {}
        stage = _STAGES.get(str(told.get("state")), Stage.WAITING)
        return Seen(
            stage=stage,
            model=told.get("outputModel"),
            error=status.get("message") if stage is Stage.FAILED else None,
            tokens=progress.get("inputTokens"),
            percent=progress.get("percent"),
        )

    def cancel(self, http: httpx.Client, wanted: Wanted, job: str) -> None:  # noqa: ARG002 - a name is a path
        """End the job: it is deleted."""
        answer(http.delete(job))
