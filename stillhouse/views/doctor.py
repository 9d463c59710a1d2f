"""Looks for what is wrong or will be. Knows no terminal; changes nothing.

Each finding is a mapping: `name`, `level` (ok | note | warning | error), `text`, one sentence.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import time

from stillhouse import auditor
from stillhouse.processes.alive import lost
from stillhouse.settings import Settings
from stillhouse.settings.calls import LITELLM
from stillhouse.views import audit
from stillhouse.views.status import journal_bytes
from stillhouse.views.stores import Stores
from stillhouse.views.targets import Finding, finding, look
from store.journal import rejected
from store.paths import DataFolder

LEAST_FREE = 2 * 1024**3
HEARTBEAT_OLD_S = 15.0
LAG_S = 60.0
BACKLOG = 256 * 1024**2
LOCAL_MODULES = ("torch", "transformers", "peft", "gguf", "xllamacpp")


def examine(settings: Settings, stores: Stores | None) -> list[Finding]:
    """Examine the settings, the machine and, where they can be read, the stores."""
    findings = [
        _config(settings),
        *_keys(settings),
        _leaves(settings),
        *look(settings),
        _extras(),
        _disk(settings),
    ]
    if stores is None:
        return [*findings, *ports(settings)]
    return [
        *findings,
        _control(stores),
        *_records(stores),
        *_accounts(stores),
        *_judges(stores),
        *_routes(stores),
    ]


def _config(settings: Settings) -> Finding:
    source = f"read from {settings.source}" if settings.source else "no file; defaults and variables"
    return finding("settings", "ok", f"The settings are valid ({source}).")


def _keys(settings: Settings) -> list[Finding]:
    findings = []
    for upstream in settings.upstreams:
        if upstream.kind == LITELLM:
            text = f"What upstream {upstream.name} is called with, the translator alone knows."
            findings.append(finding("key", "ok", text))
        elif upstream.api_key:
            findings.append(finding("key", "ok", f"Upstream {upstream.name} has a key of its own."))
        else:
            text = f"Upstream {upstream.name} gets the caller's own key; there is none for judges in the background."
            findings.append(finding("key", "note", text))
    exposed = settings.gateway.host not in {"127.0.0.1", "localhost", "::1"}
    if (
        exposed
        and not settings.client_keys
        and any(upstream.api_key or upstream.kind == LITELLM for upstream in settings.upstreams)
    ):
        text = (
            f"The gateway listens on {settings.gateway.host} and spends your key for anyone; set client_keys."
        )
        findings.append(finding("exposure", "error", text))
    return findings


def _leaves(settings: Settings) -> Finding:
    to = ", ".join(f"{u.name} ({u.place})" for u in settings.upstreams)
    judges = [p.judge.model for p in (settings.policy, *settings.tasks.values()) if p.judge]
    judged = f" Judges see calls, too: {', '.join(judges)}." if judges else ""
    policies = (settings.policy, *settings.tasks.values())
    writers = sorted({p.optimizer_model for p in policies if p.optimizer_model})
    shown = f" Models that rewrite instructions see calls: {', '.join(writers)}." if writers else ""
    service = settings.distiller.service
    used = service is not None and any("service" in (p.ladder or ()) for p in policies)
    where = "training and students stay on this machine"
    if service is not None and used:
        where = f"the rung `service` sends the rows to learn to {service.upstream}, which keeps that student; all other training stays on this machine"
    notices = settings.notices
    posted = [str(notices.webhook.url)] if notices.webhook else []
    mailed = [f"{len(notices.email.receivers)} by {notices.email.host}"] if notices.email else []
    told = (
        f" Notices, without any text of a call, go to {', '.join(posted + mailed)}."
        if posted or mailed
        else ""
    )
    text = f"Calls go to {to} and nowhere else; {where}.{judged}{shown}{told}"
    return finding("leaves the machine", "note", text)


def _extras() -> Finding:
    missing = [name for name in LOCAL_MODULES if importlib.util.find_spec(name) is None]
    if missing:
        text = f"Training on this machine needs `pip install 'stillhouse[local]'` (missing: {', '.join(missing)})."
        return finding("extra local", "warning", text)
    return finding("extra local", "ok", "Training and serving on this machine are installed.")


def _disk(settings: Settings) -> Finding:
    folder = settings.data.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    level = "ok" if free >= LEAST_FREE else "error"
    return finding("disk", level, f"{free / 1e9:.1f} GB are free where {settings.data} lies.")


def ports(settings: Settings) -> list[Finding]:
    """Say whether the two ports can be had; asked while nothing runs."""
    running = (DataFolder(settings.data).run / "gateway.url").exists()
    findings = []
    for name, host, port in (
        ("gateway.port", settings.gateway.host, settings.gateway.port),
        ("control.port", settings.control.host, settings.control.port),
    ):
        taken = port != 0 and not _free(host, port)
        if taken and not running:
            text = f"Port {port} on {host} is taken; set {name} to a free one."
            findings.append(finding("port", "error", text))
        else:
            findings.append(
                finding("port", "ok", f"{name} {port} on {host} {'is ours' if taken else 'is free'}.")
            )
    return findings


def _free(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port)):
            return True
    except OSError:
        return False


def _control(stores: Stores) -> Finding:
    beat = stores.control.heartbeat_at()
    behind = max(0.0, time.time() - beat)
    if stores.live and behind < HEARTBEAT_OLD_S:
        return finding("control", "ok", "Control is alive.")
    text = f"Control was last alive {behind:.0f} s ago." if beat else "Control was never alive."
    return finding("control", "warning" if stores.live else "note", text)


def _records(stores: Stores) -> list[Finding]:
    totals, backlog = stores.log.totals(), journal_bytes(stores)
    unkept, aside = lost(stores.folder.run), rejected.kept(stores.folder.journal)
    unpriced = ", ".join(totals.unpriced_models)
    checks = (
        ("journal", backlog < BACKLOG, f"The journal holds {backlog / 1e6:.1f} MB.", f"The journal holds {backlog / 1e6:.0f} MB that are not in the log yet."),
        ("lost calls", not totals.lost_calls, "No call lost its answer's record.", f"{totals.lost_calls} calls have no outcome: their worker died, or the backup they are from was made, before the answer was recorded."),
        ("records lost", not unkept, "No record was lost on its way into the journal.", f"{unkept} records (calls, answers, feedback) are not in the log: the journal was full, too slow, could not be written, or a call was larger than it takes (journal.max_unsynced)."),
        ("records set aside", not aside, "Every record fitted the log.", f"{len(aside)} records do not fit the log and lie in {stores.folder.journal / rejected.FOLDER}."),
        ("prices", not totals.unpriced, "What every answer cost is known.", f"What {totals.unpriced} answers cost is not known (models: {unpriced}): the model has no price (`stillhouse prices MODEL`), or the answer brought no usage (of streams, `upstreams.inject_usage` asks for it). Budgets count a guess for them, and what was spent leaves them out."),
        ("damage", not totals.corrupt_frames, "The journal is undamaged.", f"{totals.corrupt_frames} records in the journal were damaged or did not fit the log."),
        ("feedback", not totals.unresolved_feedback, "All feedback found its call.", f"{totals.unresolved_feedback} pieces of feedback name no known call."),
    )  # fmt: skip
    return [finding(name, "ok" if good else "warning", yes if good else no) for name, good, yes, no in checks]


def _accounts(stores: Stores) -> list[Finding]:
    run = stores.folder.run
    found, jumped = auditor.ledger(run), auditor.held_back(run)
    findings = [finding("unaccounted", "error", one.text) for one in (found.unaccounted if found else ())]
    if found is None:
        findings.append(finding("accounts", "note", "Control has drawn up no accounts yet."))
    elif not found.unaccounted:
        text = f"All of {found.kept.total + found.lost.total:,} records are accounted for ({found.backlog.records:,} wait for the log)."
        findings.append(finding("accounts", "ok", text))
    if found and found.backlog.lag_s > LAG_S:
        text = f"The oldest record that is not in the log yet is {found.backlog.lag_s:.0f} s old."
        findings.append(finding("lag", "warning", text))
    if jumped is not None:
        text = f"The clock jumped by {jumped:+.0f} s; retention and sealing wait for a day after that."
        findings.append(finding("clock", "warning", text))
    return findings


def _judges(stores: Stores) -> list[Finding]:
    """Say how judges differ from people, and where nobody has looked yet."""
    findings = []
    for task in stores.control.tasks():
        seen = audit.figures(stores, task.task_id)
        if seen["bias"]:
            off = seen["bias"]["lower"] > 0 or seen["bias"]["upper"] < 0
            text = f"The judge of {task.task_id}: {seen['words']}."
            findings.append(finding("judge", "warning" if off else "ok", text))
        elif seen["drawn"]:
            text = (
                f"Nobody has audited the judge of {task.task_id}: {seen['drawn']} of its answers wait for a label "
                f"(`stillhouse audit {task.task_id}`)."
            )
            findings.append(finding("judge", "note", text))
    return findings


def _routes(stores: Stores) -> list[Finding]:
    findings = []
    if stores.folder.stop_file.exists():
        text = "Students are stopped; `stillhouse stop-students --resume` ends this."
        findings.append(finding("students", "warning", text))
    live = {rollout.rollout_id for rollout in stores.control.rollouts(live=True)}
    for route in stores.control.routes():
        if route.rollout_id not in live:
            text = f"The route of {route.task_id} belongs to a rollout that has ended."
            findings.append(finding("stale route", "error", text))
    return findings
