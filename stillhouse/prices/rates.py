"""What one model's tokens cost. Pure; knows no model by name.

Reading and answering at standard rates: what a provider takes for batches, priority, audio, images and searches is
another price, which token counts do not tell.
"""

from __future__ import annotations

from dataclasses import dataclass

from store.vocabulary import Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """US dollars for one token. None is not known: of the prompt's kinds that means as `prompt`."""

    prompt: float
    completion: float | None = None
    cached: float | None = None  # read from the provider's cache
    kept: float | None = None  # written to it
    kept_1h: float | None = None  # written to it for an hour; None: as `kept`


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A model's rates, and those of long prompts."""

    rates: Rates
    above: tuple[tuple[int, Rates], ...] = ()  # for a prompt of more tokens than that, all of it; ascending

    def cost(self, usage: Usage) -> float | None:
        """Give the price of one answer; None where a count or a rate that it takes is not known."""
        if usage.prompt_tokens is None:
            return None
        rates = self.rates
        for least, those in self.above:
            if usage.prompt_tokens > least:
                rates = those
        return _cost(rates, usage, usage.prompt_tokens)


def _cost(rates: Rates, usage: Usage, prompt: int) -> float | None:
    cached = min(usage.cached_tokens or 0, prompt)
    kept = min(usage.kept_tokens or 0, prompt - cached)
    kept_1h = min(usage.kept_1h_tokens or 0, kept)
    completion = usage.completion_tokens or 0
    if completion and rates.completion is None:
        return None
    kept_rate = _first(rates.kept, rates.prompt)
    return (
        (prompt - cached - kept) * rates.prompt
        + cached * _first(rates.cached, rates.prompt)
        + (kept - kept_1h) * kept_rate
        + kept_1h * _first(rates.kept_1h, kept_rate)
        + completion * (rates.completion or 0.0)
    )


def _first(rate: float | None, other: float) -> float:
    return other if rate is None else rate
