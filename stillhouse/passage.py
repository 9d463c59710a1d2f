"""The way of a job to the training service: `/internal/v1/service/…` on the control port, with the upstream's key.

Files, datasets and fine-tuning jobs pass, nothing else. No call of an assistant, so nothing is journalled. Knows no job.
"""

from __future__ import annotations

import re

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from distiller.settings import ServiceSettings
from gateway.settings import UpstreamSpec
from gateway.upstream.port import Outgoing, Transport, UpstreamError
from stillhouse.grants import Grants

PATH = "/internal/v1/service/{path:path}"
MOST = 512 * 1024 * 1024  # bytes of a file
_PASSING = re.compile(
    r"(?:files|fine_tuning/jobs|fine-tunes|accounts/[\w-]+/(?:datasets|supervisedFineTuningJobs))(?:[/:].*)?"
)
_METHODS = ["GET", "POST", "DELETE"]


class Passage:
    """Forwards what a fine-tuning needs, for whoever holds a grant."""

    def __init__(
        self,
        *,
        service: ServiceSettings | None,
        upstreams: tuple[UpstreamSpec, ...],
        grants: Grants,
        transport: Transport,
    ) -> None:
        self._upstream = next((u for u in upstreams if service and u.name == service.upstream), None)
        self._root = root(service) if service else ""
        self._grants = grants
        self._transport = transport

    def mount(self, app: FastAPI) -> None:
        """Add the path to an app."""
        app.add_api_route(PATH, self.answer, methods=_METHODS, response_model=None)

    async def answer(self, request: Request, path: str) -> Response:
        """Answer one request in the service's own words, or in OpenAI's shape where it is refused here."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        grant = self._grants.begin(token)
        if grant is None:
            return _refusal(401, "This token is not known here.")
        if self._upstream is None or self._upstream.api_key is None:
            return _refusal(403, "No training service with a key of its own is configured.")
        if not _PASSING.fullmatch(path) or ".." in path:
            return _refusal(404, f"{path} is not a part of fine-tuning.")
        return await self._forward(request, path, self._upstream.api_key)

    async def _forward(self, request: Request, path: str, key: str) -> Response:
        kind = request.headers.get("content-type", "application/json").encode()
        query = f"?{request.url.query}" if request.url.query else ""
        outgoing = Outgoing(
            method=request.method,
            url=f"{self._root}/{path}{query}",
            headers=(
                (b"authorization", f"Bearer {key}".encode()),
                (b"content-type", kind),
                (b"accept-encoding", b"identity"),
            ),
            body=await request.body(),
        )
        try:
            incoming = await self._transport.send(outgoing)
            try:
                body = b"".join([piece async for piece in incoming.pieces()])
            finally:
                await incoming.aclose()
        except UpstreamError as error:
            return _refusal(502, f"The training service did not answer: {error}")
        answered = dict(incoming.headers).get(b"content-type", b"application/json").decode("latin-1")
        return Response(body, incoming.status, media_type=answered)


def root(service: ServiceSettings) -> str:
    """Return where a service's management API is: beside Fireworks' chat, elsewhere with it."""
    base = service.base_url.rstrip("/")
    return base.removesuffix("/inference/v1") + "/v1" if service.kind == "fireworks" else base


def _refusal(status: int, sentence: str) -> Response:
    return JSONResponse({"error": {"message": sentence, "type": "invalid_request_error"}}, status)
