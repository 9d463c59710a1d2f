"""Looks at what the settings point to: upstreams, users' metrics, models on this machine. Runs nothing of it.

One request without a key goes to each upstream; no answer is read.
"""

from __future__ import annotations

import importlib.util
import re
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

import httpx

from distiller.classifier import packaged
from distiller.settings import USER_METRIC
from distiller.trainset import people
from stillhouse.settings import Settings, convert
from stillhouse.settings.calls import Upstream

Finding = dict[str, Any]
PATIENCE_S = 3.0
_BROKEN = 500
_PATH = re.compile(r"[~.]?[\\/]|\.\.|~|[A-Za-z]:\\|[^/]+/[^/]+/")  # a hub id is NAME or OWNER/NAME


def finding(name: str, level: str, text: str) -> Finding:
    """Give one finding; `level` is ok, note, warning or error, `text` one sentence."""
    return {"name": name, "level": level, "text": text}


def look(settings: Settings) -> list[Finding]:
    """Examine all that is pointed to; takes `PATIENCE_S` or a little more where an upstream is silent."""
    with ThreadPoolExecutor(len(settings.upstreams)) as pool:
        reached = list(pool.map(_upstream, settings.upstreams))
    return [*reached, *_metrics(settings), *_base(settings), *_encoder(settings), *_names(settings)]


def _upstream(upstream: Upstream) -> Finding:
    if upstream.base_url is None:
        model = upstream.params["model"]
        text = f"Upstream {upstream.name} is asked through the translator, as {model}; nothing is asked beforehand."
        return finding("upstream", "note", text)
    url = upstream.base_url.rstrip("/") + "/models"
    try:
        with (
            httpx.Client(timeout=PATIENCE_S, trust_env=False) as client,
            client.stream("GET", url) as response,
        ):
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        text = f"Upstream {upstream.name} is not reachable: no answer from {url} ({type(error).__name__})."
        return finding("upstream", "warning", text)
    if status >= _BROKEN:
        text = f"Upstream {upstream.name} is in trouble: {url} answered with status {status}."
        return finding("upstream", "warning", text)
    return finding("upstream", "ok", f"Upstream {upstream.name} is reachable.")


def _metrics(settings: Settings) -> list[Finding]:
    named = {p.metric for p in (settings.policy, *settings.tasks.values()) if p.metric}
    findings = []
    for metric in sorted(name for name in named if name.startswith(USER_METRIC)):
        module = metric.removeprefix(USER_METRIC).partition(":")[0]
        if _importable(module):
            findings.append(finding("metric", "ok", f"The module of the metric {metric} is there."))
        else:
            text = f"The metric {metric} cannot score: there is no module {module!r} to import from {Path.cwd()}."
            findings.append(finding("metric", "error", text))
    return findings


def _importable(module: str) -> bool:
    """Look for a module as the scorer does, whose working folder comes first. No parent is imported."""
    top, *rest = module.split(".")
    spec = PathFinder.find_spec(top, [str(Path.cwd())]) or _installed(top)
    name = top
    for part in rest:
        name = f"{name}.{part}"
        inside = spec.submodule_search_locations if spec else None
        spec = PathFinder.find_spec(name, list(inside)) if inside else None
    return spec is not None


def _installed(top: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(top)
    except ValueError:  # a module that was run, not imported
        return None


def _base(settings: Settings) -> list[Finding]:
    base = settings.student.base
    if base is None or not _PATH.match(base):
        return []
    if Path(base).expanduser().is_dir():
        return [finding("base", "ok", f"The base model's folder {base} is there.")]
    return [finding("base", "error", f"student.base is {base!r}, but there is no such folder.")]


def _encoder(settings: Settings) -> list[Finding]:
    policies, name = convert.task_policies(settings), convert.distiller(settings).student.encoder
    if not any("classifier" in policy.ladder for policy in (policies.default, *policies.tasks.values())):
        return []
    if lacking := packaged.missing(name):
        return [finding("encoder", "warning", f"The rung classifier is passed over: {lacking}.")]
    return [finding("encoder", "ok", f"The encoder {name} of the rung classifier is there.")]


def _names(settings: Settings) -> list[Finding]:
    if not any(policy.redact == "names" for policy in (settings.policy, *settings.tasks.values())):
        return []
    model = convert.distiller(settings).trainset.names_model
    if lacking := people.missing(model):
        return [finding("names", "error", f"No trainset can be made: {lacking}")]
    return [finding("names", "ok", f"Names are found with {model}.")]
