"""OpenAI's fine-tuning API, which other servers speak, too. Knows no durability: `remote` has it."""

from __future__ import annotations

import httpx

from distiller.service.dialect import Seen, Stage, Wanted, answer

_STAGES = {
    "succeeded": Stage.DONE, "failed": Stage.FAILED, "cancelled": Stage.CANCELLED, "running": Stage.RUNNING,
}  # fmt: skip
_ENDED = ("failed", "cancelled")
_LISTED = 100


class OpenAI:
    """https://platform.openai.com/docs/api-reference/fine-tuning."""

    def upload(self, http: httpx.Client, wanted: Wanted, name: str, rows: bytes) -> str:  # noqa: ARG002
        """Upload a file; a repeated upload is another file, which costs nothing."""
        files = {"file": (name, rows, "application/jsonl")}
        return str(answer(http.post("files", data={"purpose": "fine-tune"}, files=files))["id"])

    def create(self, http: httpx.Client, wanted: Wanted, train: str, validation: str | None) -> str:
        """Begin a supervised job, marked in its metadata and in its suffix."""
        body = {
            "model": wanted.model,
            "training_file": train,
            **({"validation_file": validation} if validation else {}),
            "suffix": wanted.name,
            "seed": wanted.seed,
            "metadata": {"stillhouse": wanted.mark},
            "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": wanted.epochs}}},
        }
        return str(answer(http.post("fine_tuning/jobs", json=body))["id"])

    def find(self, http: httpx.Client, wanted: Wanted) -> str | None:
        """Look through the latest jobs."""
        listed = answer(http.get("fine_tuning/jobs", params={"limit": _LISTED})).get("data") or []
        for job in listed:
            mine = (job.get("metadata") or {}).get("stillhouse") == wanted.mark or job.get(
                "user_provided_suffix"
            ) == wanted.name
            if mine and job.get("status") not in _ENDED:
                return str(job["id"])
        return None

    def look(self, http: httpx.Client, wanted: Wanted, job: str) -> Seen:  # noqa: ARG002
        """Read the job."""
        told = answer(http.get(f"fine_tuning/jobs/{job}"))
        error = told.get("error") or {}
        return Seen(
            stage=_STAGES.get(str(told.get("status")), Stage.WAITING),
            model=told.get("fine_tuned_model"),
            error=error.get("message"),
            tokens=told.get("trained_tokens"),
        )

    def cancel(self, http: httpx.Client, wanted: Wanted, job: str) -> None:  # noqa: ARG002
        """End the job."""
        answer(http.post(f"fine_tuning/jobs/{job}/cancel"))
