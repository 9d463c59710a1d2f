"""Where students are trained and served: this machine, a vLLM, a service."""

from __future__ import annotations

from dataclasses import dataclass

from distiller.settings.checks import SettingsError, at_least

SERVICES = ("openai", "together", "fireworks")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceSettings:
    """A fine-tuning service, for the rung `service`."""

    kind: str  # openai (and what speaks its API) | together | fireworks
    upstream: str  # by whose key it is called, and which answers for the tuned model
    model: str  # the base, as the service calls it
    base_url: str = ""  # of the upstream's chat; filled in by whoever knows upstreams
    suffix: str = "stillhouse"
    account: str = ""  # fireworks
    usd_per_million: float = 25.0  # US dollars for a million trained tokens: an estimate may rather be high
    max_usd: float = 10.0
    max_hours: float = 24.0

    def __post_init__(self) -> None:
        """Raise SettingsError for what no service can do."""
        if self.kind not in SERVICES:
            raise SettingsError(f"service.kind is {self.kind!r}; choose {', '.join(SERVICES)}.")
        if self.kind == "fireworks" and not self.account:
            raise SettingsError("service.account is missing: fireworks has it in its paths.")


@dataclass(frozen=True, kw_only=True, slots=True)
class VllmSettings:
    """A vLLM that serves what is trained here: `vllm serve MODEL --enable-lora`, with runtime updates allowed."""

    url: str  # its root; the students' folder is read by it under the same path as by us
    model: str  # the base model's name there, for students without weights of their own

    def __post_init__(self) -> None:
        """Keep the root alone, and raise SettingsError for what is no address."""
        if not self.url.startswith(("http://", "https://")):
            raise SettingsError(f"student.vllm.url is {self.url!r}; it must begin with http:// or https://.")
        object.__setattr__(self, "url", self.url.rstrip("/").removesuffix("/v1"))


@dataclass(frozen=True, kw_only=True, slots=True)
class StudentSettings:
    """The local base model, and how students are trained and served on this machine."""

    base: str = "smollm2-135m-instruct"
    encoder: str = "all-minilm-l6-v2"  # of classifiers: that, or the folder of a BERT-like sentence encoder
    device: str = "auto"  # auto | cpu | cuda
    threads: int = 2
    usd_per_hour: float = 0.0  # US dollars that this machine costs, while it trains or keeps a student loaded
    parallel: int = 4  # requests that one server answers at once
    context: int = 2048  # tokens of one request, prompt and answer together
    vllm: VllmSettings | None = None  # serves language-model students in place of llama.cpp here

    def __post_init__(self) -> None:
        """Raise SettingsError for what cannot be served."""
        if self.device not in ("auto", "cpu", "cuda"):
            raise SettingsError(f"student.device is {self.device!r}; choose auto, cpu or cuda.")
        for key in ("threads", "parallel", "context"):
            at_least(f"student.{key}", getattr(self, key), 1)
