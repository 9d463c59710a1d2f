"""Every setting of Stillhouse: one YAML file and `STILLHOUSE_*` variables, read once into a frozen tree."""

from stillhouse.settings.load import load
from stillhouse.settings.tree import Settings

__all__ = ["Settings", "load"]
