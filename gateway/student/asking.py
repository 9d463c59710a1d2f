"""A call as a student's server is asked it. Pure; knows no connection."""

from __future__ import annotations

from gateway import canonical, surgery
from gateway.attempt import Exchange
from gateway.calls import Job
from gateway.settings import Timeouts
from gateway.upstream.port import Outgoing
from store.vocabulary import Program, Release, Role, Route, Who

PATH = "/chat/completions"  # below a student's base URL: students speak chat
LIMIT = 16 * 1024 * 1024  # bytes of a student's answer
_JSON = ("json_object", "json_schema")
_HEADERS = ((b"content-type", b"application/json"), (b"accept", b"*/*"))


def as_it_comes(job: Job, route: Route, *, spoken: bool) -> bool:
    """Tell whether the answer may be passed on from its first token on.

    `spoken`: the app's surface is the student's own. What can be checked against the request is checked whole.
    """
    request = (
        job.asked.request if route.release is Release.FIRST_TOKEN and job.call.stream and spoken else None
    )
    if request is None or request.get("tools") or request.get("functions"):
        return False
    wanted = request.get("response_format")
    return not (isinstance(wanted, dict) and wanted.get("type") in _JSON)


def request_for(
    job: Job, route: Route, *, stream: bool, patient: bool = False, key: str | None = None
) -> Outgoing:
    """Give the request as the student sees it: the meaning of `store.program.rewrite`, and its model.

    The route's time is for all of an answer; `patient`: for its first token only, and then
    nobody weighs it; else it says its log-probabilities where a calibration can tell what they are worth. `key` is of the upstream that serves it.
    """
    weighed = route.calibration is not None and not patient
    body = surgery.edit(
        job.asked.chat,
        replace={"model": canonical.dumps(route.model), **({"logprobs": b"true"} if weighed else {})},
        drop=() if stream else ("stream", "stream_options"),
    )
    body = rewritten(body, route.program, job.asked.head_messages)
    limit = route.timeout_s
    return Outgoing(
        method="POST",
        url=route.base_url.rstrip("/") + PATH,
        headers=(*_HEADERS, (b"authorization", f"Bearer {key}".encode())) if key else _HEADERS,
        body=body,
        timeouts=Timeouts(
            connect=min(limit, 2.0), first_byte=limit, idle=limit, total=None if patient else limit
        ),
    )


def rewritten(body: bytes, program: Program, heading: int) -> bytes:
    """Give a request's bytes as a program means it; `heading`: messages of its head."""
    fresh = [canonical.dumps(message) for message in (*(program.head or ()), *program.demos)]
    return surgery.splice(body, "messages", heading if program.head is None else 0, heading, fresh)


def exchange_for(job: Job, route: Route, role: Role) -> Exchange:
    """Begin the record of a student's attempt."""
    return Exchange(
        call=job.call,
        role=role,
        who=Who.STUDENT,
        model=route.model,
        upstream=f"student:{route.student_id}",
        student_id=route.student_id,
        limit=LIMIT,
    )
