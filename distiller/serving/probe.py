"""Asks a student server for one token: whether it answers, not only whether it listens. Knows no process.

`/health` is answered by a thread that never touches the model, so it says nothing about a server that hangs.
"""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

PATH = "/v1/chat/completions"


def question(model: str) -> dict[str, Any]:
    """Return the body of the cheapest completion there is."""
    return {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}


def answers(url: str, model: str, patience_s: float) -> bool:
    """Tell whether the server at `url` completes within `patience_s` seconds of silence. Never raises for the net."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=patience_s)
    try:
        body = json.dumps(question(model))
        connection.request("POST", PATH, body, {"content-type": "application/json"})
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return response.status == http.client.OK
