"""Which upstreams a call may go to, in which order. Pure; knows no connection and no time."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

import msgspec

from gateway.errors import Refusal
from gateway.trace import CHAT
from gateway.upstream.spec import Kind, UpstreamSpec

_DRAWS = 2.0**64


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What of a call decides where it may go."""

    model: str  # "": not known
    surface: str = CHAT
    anthropic: bool = False  # it speaks Anthropic's API
    unit: str = ""  # calls of the same unit share the draw, so a provider's prompt cache serves them
    pinned: bool = False  # it makes or needs what lives at one provider
    maker_only: bool = False  # it carries what only the provider that made it can read
    own_key: bool = False  # it brings a credential of the caller's own


def eligible(upstreams: Sequence[UpstreamSpec], wanted: Wanted) -> list[UpstreamSpec]:
    """Give those that speak the call's API and serve its model, as listed. Raises `Refusal` (404).

    A call in Anthropic's API goes to OpenAI-compatible servers only where none of kind anthropic is configured.
    What litellm translates is chat.
    """
    able = speaking(upstreams, anthropic=wanted.anthropic)
    if wanted.surface != CHAT:
        able = [one for one in able if one.kind is not Kind.LITELLM]
    serving = [one for one in able if not wanted.model or _serves(one, wanted.model)]
    if not serving:
        raise _nobody(upstreams, wanted, spoken=bool(able))
    return serving


def _serves(upstream: UpstreamSpec, model: str) -> bool:
    return any(fnmatchcase(model, glob) for glob in upstream.models)


def _nobody(upstreams: Sequence[UpstreamSpec], wanted: Wanted, *, spoken: bool) -> Refusal:
    model = wanted.model
    if any(one.kind is Kind.LITELLM and model and _serves(one, model) for one in upstreams):
        text = f"The model {model!r} is served here in chat completions only."
    elif spoken:
        text = f"The model {model!r} does not exist here: no configured upstream serves it."
    else:
        return Refusal(404, "No configured upstream speaks the API of this path.", code="unknown_url")
    return Refusal(404, text, code="model_not_found", param="model")


def speaking(upstreams: Sequence[UpstreamSpec], *, anthropic: bool) -> list[UpstreamSpec]:
    """Give those that speak Anthropic's API, or OpenAI's, as listed."""
    if not anthropic:
        return [one for one in upstreams if one.kind is not Kind.ANTHROPIC]
    theirs = [one for one in upstreams if one.kind is Kind.ANTHROPIC]
    return theirs or [one for one in upstreams if one.kind is Kind.OPENAI]


def order(
    upstreams: Sequence[UpstreamSpec],
    wanted: Wanted,
    resting: Collection[str] = (),
    home: str | None = None,
) -> tuple[UpstreamSpec, ...]:
    """Give the upstreams to try, best first. Raises `Refusal` (404).

    `home` answered the unit before, though it was not the first to be asked.
    A caller's own credential goes to one upstream at most, of those that come first by configuration alone:
    neither a failure nor a rest shows it to another.
    """
    serving = eligible(upstreams, wanted)
    if len(serving) == 1:
        return (serving[0],)
    priority = {one.name: at if one.priority is None else one.priority for at, one in enumerate(upstreams)}
    serving.sort(key=lambda one: priority[one.name])
    if wanted.pinned:
        return (serving[0],)
    first = priority[serving[0].name]
    resting = () if wanted.maker_only else resting  # its maker is asked, however it fares
    ranked = sorted(
        serving,
        key=lambda one: (one.name in resting, one.name != home, priority[one.name], _draw(wanted.unit, one)),
    )
    if wanted.own_key:
        shown = next((one for one in ranked if one.api_key is None and priority[one.name] == first), None)
        ranked = [one for one in ranked if one.api_key is not None or one is shown]
    return tuple(ranked[:1] if wanted.maker_only else ranked)


def _draw(unit: str, upstream: UpstreamSpec) -> float:
    """Give a unit's draw for an upstream; the least comes first with the chance of its weight's share.

    An exponential variable with the weight as its rate, made of a hash: weighted rendezvous hashing.
    """
    drawn = hashlib.sha256(f"{unit}\0{upstream.name}".encode("utf-8", "replace")).digest()
    return -math.log((int.from_bytes(drawn[:8]) + 0.5) / _DRAWS) / upstream.weight
