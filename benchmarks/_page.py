"""The page of results, `docs/benchmarks.md`: each benchmark's part lies between two comments. Knows no benchmark."""

from __future__ import annotations

from pathlib import Path


def put(page: Path, name: str, text: str) -> None:
    """Write one benchmark's part anew. Raises ValueError where the page has no place for it."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, opened, rest = page.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise ValueError(f"{page} has no {begin} … {end}.")
    page.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", "utf-8")


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; all but the first column to the right."""
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def ran(kept: dict[str, object]) -> str:
    """Say when and on what a result came about."""
    return f"Measured {kept['ran_at']} in {kept['seconds']} s on {kept['machine']}, Python {kept['python']}."
