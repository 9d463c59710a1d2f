"""One call as each of its upstreams would receive it. Pure; knows no state of an upstream.

The app's bytes go on untouched, but for what an upstream's own settings ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from gateway import headers as head
from gateway import keys, paths, usage
from gateway.bodies import Body
from gateway.inbound import Inbound
from gateway.keys import Caller
from gateway.upstream.port import Outgoing
from gateway.upstream.spec import Kind, UpstreamSpec

_OF_DEPLOYMENTS = ("/chat/completions", "/completions", "/embeddings", "/audio/", "/images/")


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream and what it would be sent."""

    upstream: UpstreamSpec
    request: Outgoing
    own: bool  # the caller's own credential goes along: what the upstream says of it is not its health
    strip_usage: bool = False  # usage was asked for that the app did not want
    keepalive_s: float | None = None

    def __repr__(self) -> str:
        """Name the upstream only: the request holds credentials."""
        return f"Try({self.upstream.name!r})"


def tries(
    request: Inbound,
    caller: Caller,
    upstreams: Sequence[UpstreamSpec],
    *,
    path: str,
    body: Body,
    model: str = "",
    surface: str = "opaque",
    stream: bool = False,
) -> tuple[Try, ...]:
    """Give the ways to have a call answered, in the order of `upstreams`.

    `path` is raw, below the API's root. What of a request may be a credential,
    beside the usual headers, goes where the caller's own goes, or where there is no other upstream.
    """
    alone = len(upstreams) == 1
    made = []
    for upstream in upstreams:
        own = keys.passes_through(caller, upstream)
        edited = body.by_path and upstream.kind is not Kind.AZURE
        plain, strip = body.plain, False
        if upstream.inject_usage and stream and surface == "chat":
            plain = usage.asked_for(plain)
            strip = plain is not body.plain
        going = outgoing(
            request.plain() if edited or strip else request,
            caller,
            upstream,
            path,
            plain if edited or strip else body.sent,
            model=model,
            secrets=own or alone,
        )
        waits = upstream.keepalive_s if stream else None
        if strip or waits:
            going = _unencoded(going)
        made.append(Try(upstream=upstream, request=going, own=own, strip_usage=strip, keepalive_s=waits))
    return tuple(made)


def outgoing(
    request: Inbound,
    caller: Caller,
    upstream: UpstreamSpec,
    path: str,
    body: bytes,
    *,
    model: str = "",
    secrets: bool = True,
) -> Outgoing:
    """Give the request as an upstream receives it, under its own key or the caller's.

    `secrets`: whether what else of it may be a credential of the caller goes along.
    """
    headers = head.onward(
        request.headers,
        account=keys.passes_through(caller, upstream),
        credential=keys.onward_credential(caller, upstream),
        secrets=secrets,
    )
    return Outgoing(
        method=request.method,
        url=_url(upstream, request, path, model, secrets=secrets),
        headers=headers,
        body=body,
        timeouts=upstream.timeouts,
    )


def _url(upstream: UpstreamSpec, request: Inbound, path: str, model: str, *, secrets: bool) -> str:
    azure = upstream.kind is Kind.AZURE
    query = paths.query_for(request.target, azure=azure) if "?" in request.target else ""
    if not secrets:
        query = "&".join(part for part in query.split("&") if not head.secret(_name(part)))
    if azure:
        path = _of_deployment(upstream, request, path, model)
        if all(_name(part) != b"api-version" for part in query.split("&")):
            query = "&".join(part for part in (query, f"api-version={upstream.api_version}") if part)
    return upstream.base_url.rstrip("/") + path + (f"?{query}" if query else "")


def _name(part: str) -> bytes:
    return part.partition("=")[0].lower().encode("latin-1", "replace")


def _of_deployment(upstream: UpstreamSpec, request: Inbound, path: str, model: str) -> str:
    """Give Azure's path: what models answer lies below a deployment, the app's own where it names one."""
    own = request.address.deployment
    deployment = own or upstream.deployment or model
    if not (own or path.startswith(_OF_DEPLOYMENTS)) or not deployment.strip("."):
        return path
    return f"/deployments/{quote(deployment, safe='')}{path}"


def _unencoded(request: Outgoing) -> Outgoing:
    """Ask for an answer whose bytes can be read as they come."""
    kept = tuple(pair for pair in request.headers if pair[0] != b"accept-encoding")
    return replace(request, headers=(*kept, (b"accept-encoding", b"identity")))
