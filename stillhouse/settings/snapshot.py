"""The settings as they were read at start, for processes that start again later. Knows no process.

It holds no key: `api_key_env` and `api_key_file` say where each comes from, as in the file.
"""

from __future__ import annotations

from typing import Any

import yaml

from stillhouse.settings.tree import Settings

_NOT_WRITTEN: dict[str, Any] = {"source": True, "upstreams": {"__all__": {"api_key": True}}}


def text(settings: Settings) -> str:
    """Give the settings as YAML that `load` reads back to the same."""
    values = settings.model_dump(mode="json", exclude=_NOT_WRITTEN, exclude_none=True)
    # ASCII only: with `allow_unicode`, a NEL or line separator in a key is folded into a space.
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=False)
