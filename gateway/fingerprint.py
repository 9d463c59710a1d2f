"""The fingerprint of a recurring kind of call. Pure; knows no task, no route and no log.

A call that a published template fits has the template's id, whatever stands in its gaps. Any other has the hash of
what an app holds constant (`store.opening`). Both are recomputable from the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store import opening
from store.template import Templates

NONE = Templates()


def fingerprint(
    request: Mapping[str, Any], tenant: str, task_name: str | None = None, templates: Templates = NONE
) -> str:
    """Give 32 hex digits: one hash, and one walk through the templates of its scope, where there are any.

    `request` needs `messages` up to the first of the user's, `tools`, `functions`, `response_format`, `model` only.
    """
    begun = opening.read(request, tenant, task_name)
    if begun.scope not in templates.scopes:
        return begun.fingerprint
    return templates.find(begun.scope, begun.words) or begun.fingerprint
