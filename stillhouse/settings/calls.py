"""The settings of what carries calls: upstreams, keys, gateway, control. Knows no file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, model_validator

from stillhouse.settings.kinds import Branch, Name, Port, Positive, Real, Seconds, Whole

LOOPBACK = "127.0.0.1"
LITELLM = "litellm"
KINDS = frozenset({"openai", "anthropic", "azure", LITELLM})


class Timeouts(Branch):
    """Of one upstream, in seconds."""

    connect: Seconds | None = None
    first_byte: Seconds | None = None
    idle: Seconds | None = None
    total: Seconds | None = None


class Upstream(Branch):
    """One server that answers as the teacher. `api_key` is filled in by `load`, never read from the file."""

    name: Name
    base_url: str | None = None  # of every kind but litellm
    kind: Literal["openai", "anthropic", "azure", "litellm"] | None = None
    params: dict[str, Any] = Field(
        default_factory=dict
    )  # of litellm: `model`, with its provider, and what it needs
    api_key_env: Name | None = None
    api_key_file: Path | None = None
    models: tuple[str, ...] = ("*",)
    timeouts: Timeouts = Timeouts()
    priority: Whole | None = None  # None: its place in the list
    weight: Annotated[Real, Field(gt=0)] | None = None
    concurrency: Positive | None = None
    cooldown_after: Positive | None = None
    cooldown_s: Seconds | None = None
    inject_usage: bool | None = None
    keepalive_s: Seconds | None = None
    api_version: Name | None = None
    deployment: Name | None = None
    api_key: SecretStr | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _one_source(self) -> Upstream:
        if self.api_key_env and self.api_key_file:
            raise ValueError("give api_key_env or api_key_file, not both")
        if self.kind == LITELLM:
            self._check_params()
        elif self.params:
            raise ValueError("params are of kind litellm only")
        elif self.base_url is None:
            raise ValueError("base_url is missing")
        return self

    @property
    def place(self) -> str:
        """Where its calls go, for a person."""
        return self.base_url or str(self.params.get("api_base") or self.params.get("model"))

    def _check_params(self) -> None:
        if self.base_url is not None:
            raise ValueError("an upstream of kind litellm has no base_url; params may hold an api_base")
        if not isinstance(self.params.get("model"), str):
            text = "an upstream of kind litellm needs params.model, like anthropic/claude-sonnet-4-5"
            raise ValueError(text)  # noqa: TRY004 - pydantic translates ValueError only
        if "api_key" in self.params:
            raise ValueError("a key does not belong into the settings; give api_key_env or api_key_file")


class ClientKey(Branch):
    """A key that apps may present, as its hash (`stillhouse keys` makes one)."""

    name: Name
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]


class Gateway(Branch):
    """The data plane. Sizes are bytes."""

    host: Name = LOOPBACK
    port: Port = 4000
    workers: Annotated[Whole, Field(ge=1, le=256)] | None = None  # None: one per core
    models: tuple[str, ...] = ()
    administration: bool | None = None
    engine: Literal["asgi", "native"] = "native"
    ca_file: Path | None = None
    max_body: Positive | None = None
    shadow_concurrency: Positive | None = None
    upstream_wait_s: Annotated[Real, Field(ge=0)] | None = None
    drain_s: Seconds | None = None


class Control(Branch):
    """The admin API and the status page."""

    host: Name = LOOPBACK
    port: Port = 4001
    allowed_hosts: tuple[str, ...] = ()  # names, besides loopback, that a Host header may carry


OPENAI = Upstream(name="openai", base_url="https://api.openai.com/v1")
ANTHROPIC = Upstream(name="anthropic", base_url="https://api.anthropic.com/v1", kind="anthropic")
