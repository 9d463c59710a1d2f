"""What an operator says about one upstream. Knows no file, no request and no connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """A setting that cannot work; the message is one sentence for the operator."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeouts:
    """How long an upstream may take, in seconds. `total` None means without end."""

    connect: float = 10.0
    first_byte: float = 600.0  # until the response head arrived: long thinking is normal
    idle: float = 300.0  # between two pieces of an answer
    total: float | None = None

    def __post_init__(self) -> None:
        """Refuse times that can only fail."""
        for name in ("connect", "first_byte", "idle", "total"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise SettingsError(f"timeouts.{name} must be more than 0 seconds, not {value}.")


class Kind(StrEnum):
    """Whose API an upstream speaks: it decides where a path leads and how a configured key is shown."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    AZURE = "azure"
    LITELLM = "litellm"


@dataclass(frozen=True, kw_only=True, slots=True)
class UpstreamSpec:
    """One server that answers as the teacher.

    `base_url` includes the version segment (`https://api.openai.com/v1`), or is an Azure resource
    (`https://x.openai.azure.com/openai`). `models` are globs. Those that serve a model are tried in the order
    of `priority`; without one, that is an upstream's place in the list (from 0). Of equal priority, each gets
    its `weight`'s share of the conversations. Without `api_key` the caller's own credential goes on.
    """

    name: str
    base_url: str
    kind: Kind = Kind.OPENAI
    api_key: str | None = field(default=None, repr=False)
    models: tuple[str, ...] = ("*",)
    timeouts: Timeouts = field(default_factory=Timeouts)
    priority: int | None = None
    weight: float = 1.0
    concurrency: int | None = None  # most requests in flight, per worker
    cooldown_after: int = 3  # failures on end, after which it rests where another can answer
    cooldown_s: float = 10.0
    inject_usage: bool = False  # ask for a stream's usage where the app did not, and take it out again
    keepalive_s: float | None = None  # between comments while a stream's first byte is awaited
    api_version: str | None = None  # of Azure, added to a query that has none
    deployment: str | None = None  # of Azure; None: named as the model

    def __post_init__(self) -> None:
        """Refuse what no request could be built from."""
        self._check_url()
        for name in ("weight", "concurrency", "cooldown_after", "cooldown_s", "keepalive_s"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise self._wrong(f"{name} must be more than 0, not {value}")
        azure = self.kind is Kind.AZURE
        if azure and not self.api_version:
            raise self._wrong("an upstream of kind azure needs an api_version")
        for name in ("api_version", "deployment"):
            if not azure and getattr(self, name) is not None:
                raise self._wrong(f"{name} is for kind azure only")

    def _check_url(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise self._wrong(
                f"base_url must start with http:// or https:// and name a host, not {self.base_url!r}"
            )
        if parts.query or parts.fragment or parts.username or parts.password:
            raise self._wrong("base_url must hold no query, fragment or credential")

    def _wrong(self, what: str) -> SettingsError:
        return SettingsError(f"upstream {self.name!r}: {what}.")


OPENAI = UpstreamSpec(name="openai", base_url="https://api.openai.com/v1")
ANTHROPIC = UpstreamSpec(name="anthropic", base_url="https://api.anthropic.com/v1", kind=Kind.ANTHROPIC)
