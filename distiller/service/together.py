"""Together's fine-tuning API. Knows no durability: `remote` has it."""

from __future__ import annotations

import httpx

from distiller.service.dialect import Seen, Stage, Wanted, answer

_STAGES = {
    "completed": Stage.DONE, "error": Stage.FAILED, "user_error": Stage.FAILED, "cancelled": Stage.CANCELLED,
    "cancel_requested": Stage.CANCELLED, "running": Stage.RUNNING, "compressing": Stage.RUNNING, "uploading": Stage.RUNNING,
}  # fmt: skip
_BILLION = 1e9  # prices are in billionths of a dollar


class Together:
    """https://docs.together.ai/reference/post-fine-tunes."""

    def upload(self, http: httpx.Client, wanted: Wanted, name: str, rows: bytes) -> str:  # noqa: ARG002
        """Upload a file; a repeated upload is another file."""
        fields = {"purpose": "fine-tune", "file_name": name, "file_type": "jsonl"}
        files = {"file": (name, rows, "application/jsonl")}
        return str(answer(http.post("files/upload", data=fields, files=files))["id"])

    def create(self, http: httpx.Client, wanted: Wanted, train: str, validation: str | None) -> str:
        """Begin a LoRA job; the suffix has our mark."""
        body = {
            "model": wanted.model,
            "training_file": train,
            **({"validation_file": validation, "n_evals": 1} if validation else {}),
            "n_epochs": wanted.epochs,
            "suffix": wanted.name,
            "random_seed": wanted.seed,
            "training_type": {"type": "Lora", "lora_r": 16, "lora_alpha": 32},
        }
        return str(answer(http.post("fine-tunes", json=body))["id"])

    def find(self, http: httpx.Client, wanted: Wanted) -> str | None:
        """Look through the jobs for our suffix, which is a part of the tuned model's name."""
        for job in answer(http.get("fine-tunes")).get("data") or []:
            named = f"{job.get('suffix')} {job.get('model_output_name')} {job.get('output_name')}"
            ended = _STAGES.get(str(job.get("status"))) in {Stage.FAILED, Stage.CANCELLED}
            if wanted.mark in named and not ended:
                return str(job["id"])
        return None

    def look(self, http: httpx.Client, wanted: Wanted, job: str) -> Seen:  # noqa: ARG002
        """Read the job and, where it failed, its last event."""
        told = answer(http.get(f"fine-tunes/{job}"))
        stage = _STAGES.get(str(told.get("status")), Stage.WAITING)
        events = told.get("events") or []
        price = told.get("total_price")
        return Seen(
            stage=stage,
            model=told.get("model_output_name") or told.get("output_name"),
            error=str(events[-1].get("message")) if stage is Stage.FAILED and events else None,
            tokens=told.get("token_count"),
            usd=price / _BILLION if isinstance(price, int | float) else None,
        )

    def cancel(self, http: httpx.Client, wanted: Wanted, job: str) -> None:  # noqa: ARG002
        """End the job."""
        answer(http.post(f"fine-tunes/{job}/cancel"))
