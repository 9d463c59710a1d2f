"""Which calls are the same task. Knows no answer and no score."""

from distiller.grouping.grouper import Grouper
from distiller.grouping.place import Kind, Known, KnownVersion, Placement, Sighting, place

__all__ = ["Grouper", "Kind", "Known", "KnownVersion", "Placement", "Sighting", "place"]
