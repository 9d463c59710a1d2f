"""When a text that was found is a word of its own, and when a part of a longer one: `user-1` in `user-10`.

For pattern matchers: Python's on text and bytes, DuckDB's on columns. Knows no search.
"""

from __future__ import annotations

import re

BEFORE = r"(?:^|[^0-9A-Za-z]|\\[a-z]|\\u[0-9A-Fa-f]{4})"  # the n of JSON's \n is no letter of a word
AFTER = r"(?:[^0-9A-Za-z]|$)"
LOOK_BACK = len(r"\u00e9")  # characters that BEFORE looks at
LONG = 32  # bytes from which a text counts wherever it stands: it is no part of another by chance


def pattern(text: str) -> str:
    """Return what matches the text where it counts."""
    escaped = re.escape(text)
    return escaped if len(text.encode("utf-8", "surrogatepass")) >= LONG else f"{BEFORE}{escaped}{AFTER}"
