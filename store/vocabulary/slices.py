"""By what calls are told apart."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

DIMENSIONS = ("tools", "length", "language", "key")
"""By what calls are told apart; `metadata.NAME` beside these."""

METADATA = "metadata."

LABEL = "label"
"""The one dimension of what a student answers, not of what is asked: known only when it has answered."""

VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "length": ("short", "medium", "long", "huge"),
        "language": (
            *("en", "de", "fr", "es", "it", "pt", "nl", "ja", "zh", "ko"),
            *("cyrillic", "arabic", "hebrew", "greek", "thai", "devanagari", "other", "none"),
        ),
    }
)
"""All values of the dimensions that have a fixed list of them."""

LONGEST = 64
"""Characters of a slice's value; what a request says beyond stands there as a hash."""
