"""Which of our variables a child inherits: each gets the keys of the servers that it calls. Pure; knows no child."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stillhouse.settings import Settings
from stillhouse.settings.calls import LITELLM


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """The variables that hold keys of upstreams, by who calls these."""

    spoken: frozenset[str]  # gateway workers and control
    translated: frozenset[str]  # the translator

    @classmethod
    def of(cls, settings: Settings) -> Keys:
        """Give those that the settings name."""
        named = [(u.kind == LITELLM, u.api_key_env) for u in settings.upstreams if u.api_key_env]
        return cls(
            spoken=frozenset(name for translated, name in named if not translated),
            translated=frozenset(name for translated, name in named if translated),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """Our environment without some variables and with others."""

    without: frozenset[str] = frozenset()
    told: Mapping[str, str] = field(default_factory=dict, repr=False)

    def of(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Give what a child's environment is."""
        return {key: value for key, value in environ.items() if key not in self.without} | dict(self.told)
