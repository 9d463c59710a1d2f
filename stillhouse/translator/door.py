"""Where the translator of this start is found, and what opens it. Pure; knows no process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

URL, TOKEN = "STILLHOUSE_TRANSLATOR_URL", "STILLHOUSE_TRANSLATOR_TOKEN"


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """Handed to those processes that call upstreams, in their environment: command lines are everybody's to read."""

    url: str = "http://127.0.0.1"
    token: str = field(default="", repr=False)

    @classmethod
    def found(cls, environ: Mapping[str, str]) -> Door:
        """Give the door that a process was told of; one that leads nowhere where it was told of none."""
        return cls(url=environ[URL], token=environ.get(TOKEN, "")) if URL in environ else cls()

    def told(self) -> dict[str, str]:
        """Give the variables that tell of it."""
        return {URL: self.url, TOKEN: self.token}

    def base_url(self, upstream: str) -> str:
        """Give what is an OpenAI-compatible server's base URL, for an upstream."""
        return f"{self.url}/{quote(upstream, safe='')}/v1"
