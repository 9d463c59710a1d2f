"""The status page: one document, nothing loaded from elsewhere, no text but through textContent."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """The assembled document, and the policy that allows exactly its own script and style."""

    html: str
    csp: str


def assemble() -> Page:
    """Put style and script into the document."""
    here = resources.files(__name__)
    style, script = (here.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    html = (
        here.joinpath("page.html")
        .read_text("utf-8")
        .replace("/*STYLE*/", style)
        .replace("/*SCRIPT*/", script)
    )
    csp = (
        "default-src 'none'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors 'none'; script-src {_hash(script)}; style-src {_hash(style)}"
    )
    return Page(html=html, csp=csp)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
