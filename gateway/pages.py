"""Web pages kept from speaking under the operator's key. Pure; knows no path and no upstream.

A browser lets every page send requests to this machine: a form's POST unasked, a websocket with its answers.
Where an upstream's key is held here and apps need none of their own, any page could spend it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from gateway.errors import Refusal
from gateway.inbound import Inbound
from gateway.settings import GatewaySettings

_WEB = ("http", "https")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def open_to_all(settings: GatewaySettings) -> bool:
    """Tell whether whoever reaches this gateway speaks under a key that the operator holds."""
    return not settings.client_keys and any(one.api_key is not None for one in settings.upstreams)


def check(request: Inbound) -> None:
    """Refuse (403) what a web page sends, unless the page came from this machine."""
    origin = request.header(b"origin")
    foreign = request.header(b"sec-fetch-site") == "cross-site" if origin is None else _foreign(origin)
    if foreign:
        text = "Web pages may call this gateway only with a client key (client_keys), or with a key of their own."
        raise Refusal(403, text, code="origin_denied")


def _foreign(origin: str) -> bool:
    """Tell whether an origin is a page of elsewhere; an app's own scheme (app://…) cannot be a page's."""
    try:
        parts = urlsplit(origin.strip())
    except ValueError:
        return True
    return (parts.scheme in _WEB and parts.hostname not in _LOOPBACK) or not parts.scheme
