"""The fingerprint of a recurring kind of call. Knows no task, no route and no log.

A call that a published template fits has the template's id, whatever stands in its gaps. Any other has the hash of
what an app holds constant (`store.opening`). Both are recomputable from the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.wire import Asked
from store import opening
from store.template import Templates

NONE = Templates()
_MOST = 4096  # constant parts that are remembered: few apps have more


def fingerprint(
    request: Mapping[str, Any], tenant: str, task_name: str | None = None, templates: Templates = NONE
) -> str:
    """Give 32 hex digits: one hash, and one walk through the templates of its scope, where there are any.

    `request` needs `messages` up to the first of the user's, `tools`, `functions`, `response_format`, `model` only.
    """
    return _named(opening.read(request, tenant, task_name), templates)


class Fingerprints:
    """The fingerprints of constant parts that came before, by their bytes: the words of one are read once.

    Emptied when it is full, and when other templates are published.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, str, str | None], str] = {}
        self._templates = NONE

    def of(self, asked: Asked, tenant: str, task_name: str | None, templates: Templates) -> str:
        """Give `fingerprint` of what is asked."""
        if self._templates is not templates:
            self._known.clear()
            self._templates = templates
        key = (asked.constant, tenant, task_name)
        known = self._known.get(key)
        if known is not None:
            return known
        begun = opening.read(asked.beginning, tenant, task_name)
        found = _named(begun, templates)
        by_user = begun.scope in templates.scopes and opening.in_user_message(begun.fingerprint)
        if asked.constant and not by_user:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = found
        return found


def _named(begun: opening.Opening, templates: Templates) -> str:
    if begun.scope not in templates.scopes:
        return begun.fingerprint
    return templates.find(begun.scope, begun.words) or begun.fingerprint
