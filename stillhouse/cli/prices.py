"""`prices`: what tokens are taken to cost, and by whose table."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from stillhouse.cli.context import ConfigOption, DataOption, JsonOption, house
from stillhouse.errors import Missing
from stillhouse.prices import PriceBook, dated
from stillhouse.prices.rates import Rates

_MILLION = 1_000_000
_SAID = {
    "prompt": "prompt",
    "completion": "completion",
    "cached": "from the cache",
    "kept": "into the cache",
    "kept_1h": "into it for an hour",
}


def prices(
    model: Annotated[str | None, typer.Argument(help="A model, as it is sent to its upstream.")] = None,
    update: Annotated[
        Path | None,
        typer.Option("--update", help="First take the prices of this file: litellm's table, as JSON."),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Say by which table calls are priced, and what a model costs. A new table holds from the next start on."""
    own = house(config, data, as_json=json)
    if update is not None:
        own.folder.create()
        dated.save(dated.make(update, datetime.now(UTC).date()), own.folder.prices)
    book = PriceBook.of(own.settings, own.folder.prices)
    told: dict[str, Any] = {"source": book.source, "own": sorted(book.own)}
    if model is not None:
        entry = book.entry(model)
        if entry is None:
            raise Missing(
                f"No price of {model!r} is known ({book.source}); give one in the settings: prices."
            )
        told["model"] = model
        told["usd_per_million"] = _per_million(entry.rates)
        told["above"] = [{"prompt_tokens": least, **_per_million(rates)} for least, rates in entry.above]
    own.show(told, _draw)


def _per_million(rates: Rates) -> dict[str, float]:
    return {name: round(rate * _MILLION, 6) for name, rate in asdict(rates).items() if rate is not None}


def _draw(console: Console, told: dict[str, Any]) -> None:
    console.print(
        f"Prices: {told['source']}" + (f"; your own: {', '.join(told['own'])}" if told["own"] else "")
    )
    if "model" not in told:
        return
    console.print(f"{told['model']}, US dollars for a million tokens: {_line(told['usd_per_million'])}")
    for tier in told["above"]:
        least = tier.pop("prompt_tokens")
        console.print(f"  for a prompt of more than {least:,} tokens: {_line(tier)}")


def _line(rates: dict[str, float]) -> str:
    return ", ".join(f"{_SAID[name]} {rate:g}" for name, rate in rates.items())
