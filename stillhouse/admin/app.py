"""The admin API: views as JSON, and the few things that an operator may order. Knows no store's insides.

It reads through `stillhouse.views` and writes through `Desk`, which control fulfils.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Protocol

from fastapi import Body, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from stillhouse.admin import audit, ledger, lineage, metrics
from stillhouse.admin.guard import Guard
from stillhouse.admin.page import assemble
from stillhouse.errors import Missing, Refused, StillhouseError
from stillhouse.views import advice, calls, cost, doctor, explain, ladder, replayed, status, tasks
from stillhouse.views.plain import plain
from stillhouse.views.stores import Stores
from store.errors import NotFound, StoreError


class Desk(ledger.Keeper, lineage.Genealogist, audit.Labeller, Protocol):
    """What an operator may order."""

    def distill(self, task_id: str, *, anyway: bool = False) -> dict[str, Any]:
        """Queue a distillation now; gives the job. Raises Refused, saying why not."""

    async def cancel(self, job_id: str) -> None:
        """Stop a job for good. Raises Refused where it has ended."""

    def order(self, target: str, verb: str, reason: str, about: str) -> dict[str, Any]:
        """Write an order for a rollout, named by its id or its task; gives the order. Raises Refused."""

    def stop_students(self) -> None:
        """Let the teacher answer everything from now on."""

    def resume_students(self) -> None:
        """Let routes count again."""


class Way(Protocol):
    """A path that needs a grant, not the admin token."""

    def mount(self, app: FastAPI) -> None:
        """Add it to an app."""


def build(stores: Stores, desk: Desk, ways: Sequence[Way], *, token: str, hosts: tuple[str, ...]) -> ASGIApp:
    """Make the ASGI app of the control port."""
    app = FastAPI(title="Stillhouse", docs_url=None, redoc_url=None, openapi_url=None)
    page = assemble()

    @app.get("/", response_class=HTMLResponse)
    def show_page() -> HTMLResponse:
        return HTMLResponse(page.html)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics", response_class=PlainTextResponse)
    def show_metrics() -> PlainTextResponse:
        return PlainTextResponse(metrics.render(stores), media_type="text/plain; version=0.0.4")

    _reads(app, stores)
    _learning(app, stores)
    _orders(app, desk)
    ledger.mount(app, stores, desk)
    audit.mount(app, stores, desk)
    lineage.mount(app, stores, desk)
    for way in ways:
        way.mount(app)
    _errors(app)
    return Guard(app, token=token, hosts=hosts, csp=page.csp)


def _reads(app: FastAPI, stores: Stores) -> None:
    control = stores.control
    simple: dict[str, Callable[[], Any]] = {
        "/api/status": lambda: status.status(stores),
        "/api/totals": lambda: plain(stores.log.totals()),
        "/api/doctor": lambda: doctor.examine(stores.settings, stores),
        "/api/routes": lambda: plain(control.routes()),
        "/api/servers": lambda: plain(control.servers()),
    }
    for path, view in simple.items():
        app.add_api_route(path, view, methods=["GET"])

    @app.get("/api/tasks")
    def all_tasks(*, everything: bool = False) -> list[dict[str, Any]]:
        return tasks.tasks(stores, everything=everything)

    @app.get("/api/tasks/{task_id}")
    def one_task(task_id: str) -> dict[str, Any]:
        return tasks.task(stores, task_id)

    @app.get("/api/ladder/{task_id}")
    def rungs(task_id: str) -> dict[str, Any]:
        return ladder.ladder(stores, task_id)

    @app.get("/api/advice/{task_id}")
    def advised(task_id: str) -> list[dict[str, str]]:
        return advice.advice(stores, task_id)

    @app.get("/api/cost/{task_id}")
    def costs(task_id: str) -> dict[str, Any]:
        return cost.cost(stores, task_id)

    @app.get("/api/explain/{task_id}")
    def story(task_id: str) -> dict[str, Any]:
        return explain.explain(stores, task_id)

    @app.get("/api/calls")
    def some_calls(wish: Annotated[calls.Wish, Depends()]) -> dict[str, Any]:
        return calls.calls(stores, wish)

    @app.get("/api/calls/{call_id:path}")
    def one_call(call_id: str) -> dict[str, Any]:
        return calls.call(stores, call_id)


def _learning(app: FastAPI, stores: Stores) -> None:
    control = stores.control

    @app.get("/api/students")
    def students(task: str | None = None) -> Any:
        return tasks.students(stores, task)

    @app.get("/api/jobs")
    def jobs(task: str | None = None) -> Any:
        return plain(control.jobs(task))

    @app.get("/api/rollouts")
    def rollouts(task: str | None = None, *, live: bool = False) -> Any:
        return plain(control.rollouts(task, live=live))

    @app.get("/api/replayed")
    def decided_again(task: str | None = None) -> dict[str, Any]:
        return replayed.replayed(stores, task)

    @app.get("/api/transitions")
    def transitions(task: str | None = None, rollout: str | None = None) -> Any:
        return plain(control.transitions(task_id=task, rollout_id=rollout))

    @app.get("/api/orders")
    def orders(*, pending: bool = False) -> Any:
        return plain(control.orders(pending=pending))


def _orders(app: FastAPI, desk: Desk) -> None:
    @app.post("/api/tasks/{task_id}/distill", status_code=202)
    def distill(task_id: str, *, anyway: bool = False) -> dict[str, Any]:
        return desk.distill(task_id, anyway=anyway)

    @app.post("/api/jobs/{job_id}/cancel", status_code=202)
    async def cancel(job_id: str) -> dict[str, str]:
        await desk.cancel(job_id)
        return {"job_id": job_id}

    @app.post("/api/rollouts/{target}/{verb}", status_code=202)
    def order(
        target: str,
        verb: str,
        reason: Annotated[str, Body(embed=True)] = "",
        about: Annotated[str, Body(embed=True, alias="slice")] = "",
    ) -> dict[str, Any]:
        return desk.order(target, verb, reason, about)

    @app.post("/api/students/stop")
    def stop() -> dict[str, bool]:
        desk.stop_students()
        return {"students_stopped": True}

    @app.post("/api/students/resume")
    def resume() -> dict[str, bool]:
        desk.resume_students()
        return {"students_stopped": False}


def _errors(app: FastAPI) -> None:
    statuses: tuple[tuple[type[Exception], int], ...] = (
        (Missing, 404),
        (NotFound, 404),
        (Refused, 409),
        (StillhouseError, 400),
        (StoreError, 503),
    )
    for kind, code in statuses:
        app.add_exception_handler(kind, _answer(code))

    def invalid(_request: Request, error: Exception) -> JSONResponse:
        problems = error.errors() if isinstance(error, RequestValidationError) else [{"msg": str(error)}]
        first = problems[0]
        where = ".".join(str(part) for part in first.get("loc", ())[1:])
        return JSONResponse({"error": {"message": f"{where or 'request'}: {first['msg']}."}}, 400)

    def unknown(request: Request, error: Exception) -> JSONResponse:
        code = error.status_code if isinstance(error, HTTPException) else 404
        text = f"There is no {request.method} {request.url.path} here."
        return JSONResponse({"error": {"message": text}}, code, getattr(error, "headers", None))

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, unknown)


def _answer(code: int) -> Callable[[Request, Exception], JSONResponse]:
    def handler(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": {"message": str(error)}}, code)

    return handler
