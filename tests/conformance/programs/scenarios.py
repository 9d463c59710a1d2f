"""What the Python programs share: what is asked, and how what came is told. Standard library only.

A program is given a base URL and prints one JSON line a scenario: its name and what the app saw.
"""

import asyncio
import dataclasses
import inspect
import json
import sys

BASE = sys.argv[1]
KEY = "sk-conformance-0123456789"
MODEL = "gpt-4o"
ASK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Grüße aus Köln"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
NAMES = ("forecast", "history")
TOOLS = [
    {"type": "function", "function": {"name": name, "strict": True, "parameters": SCHEMA}} for name in NAMES
]
IMAGE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
BIG = "data:image/png;base64," + "QUJD" * 375_000  # 1.5 MB


def failing(name):
    """A model that fails."""
    return f"{MODEL}-fault-{name}"


def looking(image):
    """A user's turn with an image."""
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": image}}]
    return [{"role": "user", "content": parts}]


def plain(value):
    """Give what an app saw as JSON."""
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json", warnings=False))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return repr(value)


def told(error):
    """Give an error as JSON: what apps act on."""
    body = getattr(error, "body", None)
    return {
        "error": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "message": str(error).split("\n")[0].replace(BASE, "BASE"),
        "body": plain(body) if isinstance(body, dict) else None,
    }


def run(*scenarios):
    """Run every scenario, in order."""
    for scenario in scenarios:
        try:
            saw = scenario()
            if inspect.isawaitable(saw):
                saw = asyncio.run(saw)
        except Exception as error:  # noqa: BLE001 - whatever a client raises is what is compared
            saw = told(error)
        name = scenario.__name__.replace("_", " ").strip()
        sys.stdout.write(json.dumps({"scenario": name, "saw": plain(saw)}) + "\n")
        sys.stdout.flush()
