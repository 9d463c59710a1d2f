"""`python -m distiller.serving.vllm --url URL --weights FOLDER --model NAME`: keeps one adapter loaded in a running vLLM.

Serves nothing itself: the vLLM at `--url` does, started by an operator with `--enable-lora` and
VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, where this folder can be read under the same path. The adapter is taken in when this
process begins, again when vLLM was restarted, and out when it ends. Without a folder (a student that is the base model)
it only watches. Knows no route, no log and no task.

Source: vLLM's documentation, "Dynamically serving LoRA adapters".
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from distiller.serving.probe import answers
from distiller.serving.process import FIRST_S, LOOK_S, PATIENCE_S, Serving, ServingError, read_arguments
from distiller.training.lifeline import Lifeline

_LOAD_S = 120.0  # to read an adapter into a GPU's memory
_AGAIN_S = 1.0  # between two tries while vLLM starts
_KNOWN = "already been loaded"  # of vLLM's refusal


class Adapter:
    """A LoRA adapter of a vLLM, by the model name that requests ask for."""

    def __init__(self, url: str, name: str, folder: Path | None) -> None:
        """`url` is vLLM's root or its `/v1`; `folder` is PEFT's, None where the model is the base itself."""
        self._url = url.rstrip("/").removesuffix("/v1")
        self._name = name
        self._folder = folder

    def served(self) -> bool:
        """Tell whether vLLM lists the model. Raises ServingError where it does not answer."""
        try:
            listed = httpx.get(f"{self._url}/v1/models", timeout=PATIENCE_S)
            listed.raise_for_status()
            return any(model["id"] == self._name for model in listed.json()["data"])
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise ServingError(f"vLLM at {self._url} does not list its models ({error})") from error

    def load(self) -> None:
        """Have vLLM take the adapter in, if it has not. Raises ServingError with vLLM's own words."""
        if self.served():
            return
        if self._folder is None:
            raise ServingError(f"vLLM at {self._url} does not serve the model {self._name!r}")
        told = self._post("load_lora_adapter", lora_name=self._name, lora_path=str(self._folder))
        if not told.is_success and _KNOWN not in told.text:
            raise ServingError(f"vLLM refused the adapter {self._name}: {_words(told)}")

    def unload(self) -> None:
        """Have vLLM drop the adapter; one that it does not have is dropped. Raises ServingError where it cannot be asked."""
        if self._folder is not None:
            self._post("unload_lora_adapter", lora_name=self._name)

    def answers(self, patience_s: float) -> bool:
        """Tell whether the model completes a token."""
        return answers(self._url, self._name, patience_s)

    def _post(self, verb: str, **body: str) -> httpx.Response:
        try:
            return httpx.post(f"{self._url}/v1/{verb}", json=body, timeout=_LOAD_S)
        except httpx.HTTPError as error:
            raise ServingError(f"vLLM at {self._url} cannot be asked to {verb} ({error})") from error


def start(adapter: Adapter, lifeline: Lifeline) -> None:
    """Load, with patience for a vLLM that is starting, and see a first token. Raises ServingError."""
    end = time.monotonic() + FIRST_S
    while True:
        try:
            adapter.load()
            break
        except ServingError:
            if time.monotonic() >= end or lifeline.wait(_AGAIN_S):
                raise
    if not adapter.answers(FIRST_S):
        raise ServingError(f"vLLM gave no first token within {FIRST_S:g} s")


def keep(adapter: Adapter, lifeline: Lifeline, look_s: float = LOOK_S) -> int:
    """Load the adapter again whenever vLLM has lost it; returns 0 once stopped, 1 where vLLM does not complete."""
    while not lifeline.wait(look_s):
        try:
            adapter.load()
        except ServingError as error:
            sys.stderr.write(f"{error}; it is tried again\n")
            continue
        if not adapter.answers(PATIENCE_S):
            sys.stderr.write(f"vLLM gave no token within {PATIENCE_S:g} s; it ends, to be started afresh\n")
            return 1
    return 0


def adapter_of(serving: Serving) -> Adapter:
    """Return the adapter that the arguments name. Raises ServingError."""
    if urlsplit(serving.url).scheme not in {"http", "https"}:
        raise ServingError(f"{serving.url!r} is no URL of a vLLM")
    folder = serving.weights.resolve() if serving.weights.is_dir() else None
    return Adapter(serving.url, serving.model, folder)


def main() -> int:
    """Keep the adapter loaded until standard input closes or SIGTERM comes; returns the exit status."""
    serving = read_arguments(sys.argv[1:])
    lifeline = Lifeline(sys.stdin.buffer, grace_s=5.0).start()
    try:
        adapter = adapter_of(serving)
        start(adapter, lifeline)
    except ServingError as error:
        _tell(event="error", message=str(error))
        sys.stderr.write(f"{error}\n")
        return 1
    _tell(event="ready", url=serving.url, model=serving.model)
    code = keep(adapter, lifeline)
    try:
        adapter.unload()
    except ServingError as error:
        sys.stderr.write(f"{error}\n")
    return code


def _words(told: httpx.Response) -> str:
    """Return what an error answer says: the message is below `error`, or stands by itself."""
    try:
        said: Any = told.json()
        return str((said.get("error") or said)["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"status {told.status_code}"


def _tell(**event: str) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)
