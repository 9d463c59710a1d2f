"""What kinds of calls a task has, so that the rare ones can be kept. Pure: knows no task and no metric."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from typing import Any

from distiller.scoring import message as read
from distiller.trainset.rows import Row
from distiller.trainset.varying import varying

_LABEL_CHARS = 80
_LETTERS = 200  # letters that tell a language
_WORDS = {  # frequent little words, each of one language here
    "en": {"the", "and", "is", "of", "you", "to", "my"},
    "de": {"der", "und", "ist", "nicht", "ich", "das", "ein"},
    "fr": {"les", "est", "et", "vous", "pas", "une", "je"},
    "es": {"los", "que", "una", "por", "mi", "y", "el"},
    "it": {"che", "gli", "il", "di", "non", "sono", "per"},
    "nl": {"het", "een", "niet", "ik", "van", "mijn", "ook"},
    "pt": {"não", "uma", "os", "meu", "com", "você", "para"},
}


def slices(row: Row) -> dict[str, str]:
    """Return the slice that a row is in, by each property."""
    text = varying(row.request)
    return {
        "answer": answer(row.completion),
        "tools": _tools(row.request),
        "language": language(text),
        "length": str(len(text).bit_length()),  # doubles from one to the next
        "key": row.key,
    }


def answer(message: dict[str, Any]) -> str:
    """Return the kind of an answer: its tools, its fields, the line itself, or how long a text it is."""
    calls = read.tool_calls(message)
    if calls:
        return "tools " + " ".join(sorted({call.name for call in calls}))
    document = read.document(message)
    if isinstance(document, dict):
        return "fields " + " ".join(sorted(document))
    if document is not None:
        return "list"
    line = read.text(message).strip()
    if len(line) <= _LABEL_CHARS and "\n" not in line:
        return "line " + line.casefold()
    return f"text {len(line).bit_length()}"


def language(text: str) -> str:
    """Return the script of most letters; of Latin ones the language of most little words, where they tell."""
    letters = [char for char in text if char.isalpha()][:_LETTERS]
    if not letters:
        return ""
    script = Counter(unicodedata.name(char, "?").split()[0] for char in letters).most_common(1)[0][0]
    if script != "LATIN":
        return script.lower()
    words = re.findall(r"\w+", text.casefold())
    counts = {name: sum(word in little for word in words) for name, little in _WORDS.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else "latin"


def _tools(request: dict[str, Any]) -> str:
    tools = request.get("tools") or request.get("functions") or []
    return json.dumps(
        [tool.get("function", tool) for tool in tools if isinstance(tool, dict)], sort_keys=True
    )
