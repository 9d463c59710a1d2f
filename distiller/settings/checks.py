"""What every part of the settings checks with. Knows no setting."""

from __future__ import annotations

USER_METRIC = "python:"  # "python:package.module:function"


class SettingsError(ValueError):
    """A value that cannot be: one sentence that names the key."""


def dotted(metric: str) -> bool:
    """Tell whether a name has the form python:package.module:function."""
    module, _, function = metric.removeprefix(USER_METRIC).partition(":")
    names = [*module.split("."), function]
    return metric.startswith(USER_METRIC) and all(name.isidentifier() for name in names)


def at_least(key: str, value: int, least: int) -> None:
    """Raise SettingsError when `value` is below `least`."""
    if value < least:
        raise SettingsError(f"{key} is {value}; it must be at least {least}.")
