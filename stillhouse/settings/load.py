"""From a file and variables to one frozen tree. Knows no room's own settings.

The environment comes in as a mapping and is read here only, keys of upstreams included.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from stillhouse.errors import ConfigError
from stillhouse.settings import agree, convert, environment, marked
from stillhouse.settings.calls import KINDS
from stillhouse.settings.marked import Marked, Where
from stillhouse.settings.tree import Settings

OPENAI_KIND = "openai"
DEFAULT_FILE = "stillhouse.yaml"


def load(path: Path | None, environ: Mapping[str, str], *, keys: Collection[str] = KINDS) -> Settings:
    """Read `path`, else STILLHOUSE_CONFIG, else ./stillhouse.yaml if it is there; variables win over the file.

    `keys` are the kinds of upstreams whose keys are looked up: a process gets those of the servers that it calls. Raises ConfigError, one sentence that names file and line, or the variable.
    """
    file = _file(path, environ)
    written = marked.read(file) if file else Marked()
    variables = environment.read(environ)
    sources = _Sources(written, variables)
    values = environment.merge(written.values, variables.values)
    if "source" in values:
        raise sources.error(("source",), "unknown setting 'source'")
    _bring_keys(values, environ, keys, sources)
    try:
        settings = Settings.model_validate({**values, "source": file})
    except ValidationError as error:
        raise _explain(error.errors(include_url=False)[0], sources) from error
    _check_names("upstreams", [upstream.name for upstream in settings.upstreams], sources)
    _check_names("client_keys", [key.name for key in settings.client_keys], sources)
    _check_ports(settings, sources)
    try:
        convert.check(settings)
        agree.check(settings)
    except convert.Unfit as error:
        raise _unfit(error, values, sources) from error
    return settings


class _Sources:
    """Where a value was written: the most exact place counts, a variable before the file."""

    def __init__(self, written: Marked, variables: Marked) -> None:
        self._both = (variables, written)

    def error(self, path: Where, sentence: str) -> ConfigError:
        _, place = max((m.place(path) for m in self._both), key=lambda found: found[0])
        return ConfigError(f"{place}: {sentence}." if place else f"{sentence}.")

    def written(self, path: Where) -> bool:
        """Tell whether this very setting was given anywhere."""
        return any(m.place(path)[0] == len(path) for m in self._both)


def _file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    if path is not None:
        return path
    if named := environ.get("STILLHOUSE_CONFIG"):
        return Path(named)
    here = Path(DEFAULT_FILE)
    return here if here.is_file() else None


def _bring_keys(
    values: dict[str, Any], environ: Mapping[str, str], kinds: Collection[str], sources: _Sources
) -> None:
    """Replace `api_key_env` and `api_key_file` of each upstream of these kinds by the key they name, beside them."""
    upstreams = values.get("upstreams")
    if not isinstance(upstreams, list):
        return
    brought: list[Any] = []
    for index, upstream in enumerate(upstreams):
        at = ("upstreams", index)
        brought.append(
            _with_key(upstream, at, environ, kinds, sources) if isinstance(upstream, dict) else upstream
        )
    values["upstreams"] = brought


def _with_key(
    upstream: dict[str, Any],
    at: Where,
    environ: Mapping[str, str],
    kinds: Collection[str],
    sources: _Sources,
) -> dict[str, Any]:
    if "api_key" in upstream:
        raise sources.error(
            (*at, "api_key"),
            "a key does not belong into the settings; name a variable (api_key_env) or a file (api_key_file)",
        )
    if (upstream.get("kind") or OPENAI_KIND) not in kinds:
        return upstream
    name, file = upstream.get("api_key_env"), upstream.get("api_key_file")
    if isinstance(name, str):
        key = environ.get(name, "").strip()
        if not key:
            raise sources.error((*at, "api_key_env"), f"the variable {name} is not set")
    elif isinstance(file, str):
        key = _key_of_file(Path(file), (*at, "api_key_file"), sources)
    else:
        return upstream
    return {**upstream, "api_key": SecretStr(key)}


def _key_of_file(file: Path, at: Where, sources: _Sources) -> str:
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise sources.error(at, f"the key file {file} cannot be read") from error
    if not key:
        raise sources.error(at, f"the key file {file} is empty")
    return key


def _check_names(what: str, names: list[str], sources: _Sources) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise sources.error((what, index, "name"), f"two {what} have the name {name!r}")


def _check_ports(settings: Settings, sources: _Sources) -> None:
    port, own = settings.gateway.port, ("control", "port")
    if port and port == settings.control.port:
        at = own if sources.written(own) else ("gateway", "port")
        raise sources.error(at, f"gateway.port and control.port are both {port}; they must differ")


def _unfit(error: convert.Unfit, values: dict[str, Any], sources: _Sources) -> ConfigError:
    """Place a room's refusal at the key of that branch which its sentence names."""
    branch: Any = values
    for key in error.path:
        branch = branch.get(key, {}) if isinstance(branch, dict) else branch[key]
    sentence, path = str(error), error.path
    while isinstance(branch, dict):
        keys = [str(key) for key in branch if str(key).removesuffix("s") in sentence]
        if not keys:
            break
        named = max(keys, key=len)
        path, branch = (*path, named), branch[named]
    return sources.error(path, sentence)


def _explain(problem: ErrorDetails, sources: _Sources) -> ConfigError:
    path: Where = tuple(
        part for part in problem["loc"] if part != "[key]"
    )  # pydantic's word for a mapping's key
    name = ".".join(str(part) for part in path)
    kind, given = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        return sources.error(path, f"unknown setting {name!r}")
    if kind == "missing":
        return sources.error(path, f"{name!r} is missing")
    text = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if kind in {"model_type", "dict_type"}:
        text = "must be a mapping of settings"
    if kind in {"tuple_type", "list_type"}:
        text = "must be a list"
    if kind == "value_error":
        return sources.error(path, f"{name or 'the settings'}: {text}")
    return sources.error(path, f"{name} = {_shown(given)}: {text}")


def _shown(value: Any) -> str:
    shown = repr(value)
    limit = 60
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
