"""Where a price is looked up: the operator's own, then a copy of litellm's table, then the installed one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from stillhouse.prices import table
from stillhouse.prices.dated import Copy, read
from stillhouse.prices.rates import Entry, Rates
from stillhouse.settings.calls import LITELLM
from stillhouse.settings.tree import Settings
from stillhouse.settings.upkeep import Price
from store.vocabulary import Usage

_MILLION = 1_000_000


@dataclass(frozen=True)
class PriceBook:
    """Prices models. Tables are read when they are first needed, and then stay as they were."""

    file: Path | None = None  # where a copy may lie
    own: Mapping[str, Price] = field(default_factory=dict)
    _found: dict[str, Entry | None] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, settings: Settings, file: Path) -> PriceBook:
        """Give the book of a house."""
        meant = {
            name: Price(like=str(upstream.params["model"]))
            for upstream in settings.upstreams
            if upstream.kind == LITELLM
            for name in upstream.models
        }
        return cls(file=file, own={**meant, **settings.prices})

    def price(self, model: str, usage: Usage) -> float | None:
        """Return the price of one answer in US dollars; None where it is not known, which is not free."""
        if model not in self._found:
            self._found[model] = self.entry(model)
        found = self._found[model]
        return None if found is None else found.cost(usage)

    def entry(self, model: str) -> Entry | None:
        """Look a model up."""
        own = self.own.get(model)
        if own is None:
            return table.find(self._table, model)
        if own.like is not None:
            return table.find(self._table, own.like)
        return None if own.input is None else Entry(rates=_rates(own, own.input))

    @property
    def source(self) -> str:
        """Say whose table it is."""
        return f"{self.copy.source}, as of {self.copy.made}" if self.copy else table.installed()[0]

    @cached_property
    def copy(self) -> Copy | None:
        """The copy that wins over the installed table, if there is one."""
        return None if self.file is None else read(self.file)

    @cached_property
    def _table(self) -> table.Table:
        return self.copy.table if self.copy else table.installed()[1]


def _rates(own: Price, prompt: float) -> Rates:
    def of(usd: float | None) -> float | None:
        return None if usd is None else usd / _MILLION

    return Rates(
        prompt=prompt / _MILLION,
        completion=of(own.output),
        cached=of(own.cached),
        kept=of(own.cache_write),
        kept_1h=of(own.cache_write_1h),
    )
