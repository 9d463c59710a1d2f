"""The fingerprint of a recurring kind of call. Pure; knows no task, no route and no log.

Made of what an app holds constant: the skeleton of its instructions, its tools, its response format, the
model it asks for, the tenant, and the task's name where the app gives one. It is recomputable from the log.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway import canonical
from store.prompt import leads

FP_VERSION = 1

_MASKS = (
    (re.compile(r"https?://[^\s\"'<>)\]]+"), "<url>"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<email>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<uuid>"),
    (
        re.compile(
            r"\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,? (?=\d|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
            re.IGNORECASE,
        ),
        "",
    ),
    (
        re.compile(
            r"\b(?:\d{1,2}(?:st|nd|rd|th)? )?(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
            r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.? \d{1,4}(?:st|nd|rd|th)?(?:,? \d{4})?\b",
            re.IGNORECASE,
        ),
        "<date>",
    ),
    (
        re.compile(r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"),
        "<date>",
    ),
    (re.compile(r"\d+(?:[.,:/]\d+)*"), "#"),
    (re.compile(r"\s+"), " "),
)


def skeleton(text: str) -> str:
    """Give `text` with dates, numbers, ids, addresses and links masked and whitespace collapsed."""
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text.strip()


def leading(messages: Sequence[Any]) -> list[dict[str, Any]]:
    """Give the system and developer messages that open a conversation."""
    head = []
    for message in messages:
        if not isinstance(message, dict) or not leads(message.get("role")):
            break
        head.append(message)
    return head


def fingerprint(request: Mapping[str, Any], tenant: str, task_name: str | None = None) -> str:
    """Give 32 hex digits. `request` needs `messages`, `tools`, `functions`, `response_format`, `model` only.

    Key order, whitespace and everything after the leading system messages change nothing.
    """
    messages = request.get("messages")
    head = leading(messages) if isinstance(messages, list) else []
    parts = [
        FP_VERSION,
        [[message.get("role"), _content(message.get("content"))] for message in head],
        request.get("tools") or None,
        request.get("functions") or None,
        request.get("response_format"),
        request.get("model"),
        tenant,
        task_name,
    ]
    return hashlib.sha256(canonical.dumps(parts)).hexdigest()[:32]


def _content(content: Any) -> Any:
    """Give the skeleton of a message's content; one text part is the same as its text."""
    if isinstance(content, str):
        return skeleton(content)
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) else part for part in content]
        if all(isinstance(text, str) for text in texts):
            return skeleton("\n".join(str(text) for text in texts))
    return content
