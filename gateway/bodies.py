"""A request's body: as it came, as it is read, and the model that it names. Pure; knows no surface."""

from __future__ import annotations

import msgspec

from gateway import canonical, codings, surgery
from gateway import headers as head
from gateway.inbound import Inbound


class _Model(msgspec.Struct):
    model: object = None


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What goes on is `sent`, under the request's own headers, unless something must be edited into `plain`."""

    sent: bytes
    plain: bytes  # decoded, and with the model where only the path named one
    model: str = ""
    by_path: bool = False  # `plain` has the model of an Azure path, which no other API reads there

    def __repr__(self) -> str:
        """Say how long it is only: it holds what an app said."""
        return f"Body({len(self.sent)} bytes)"


def is_json(content_type: str) -> bool:
    """Tell whether a content type is that of JSON."""
    return content_type.partition(";")[0].strip().lower() == "application/json"


def completed(request: Inbound, sent: bytes, plain: bytes) -> Body:
    """Give the JSON object `plain` the model that its path names."""
    name = request.address.deployment
    edited = surgery.edit(plain, replace={"model": canonical.dumps(name)})
    return Body(sent=sent, plain=edited, model=canonical.clean(name), by_path=True)


def read(request: Inbound, sent: bytes, limit: int) -> Body:
    """Read a whole body that nobody here understands."""
    named_by_path = canonical.clean(request.address.deployment)
    try:
        plain = codings.decode(sent, head.listed(request.headers, b"content-encoding"), limit)
    except (ValueError, KeyError):  # the upstream will say so
        return Body(sent=sent, plain=sent, model=named_by_path)
    found = _found(plain) if is_json(request.content_type) else None
    if found is not None and not found.model and named_by_path:
        return completed(request, sent, plain)
    model = found.model if found is not None and isinstance(found.model, str) else ""
    return Body(sent=sent, plain=plain, model=canonical.clean(model) or named_by_path)


def _found(plain: bytes) -> _Model | None:
    """Give what a body names; None where it is no JSON object."""
    try:
        return msgspec.json.decode(plain, type=_Model)
    except (msgspec.DecodeError, RecursionError):
        return None
