"""Line plots as SVG. The same figures give the same bytes. Knows no benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

Points = Sequence[tuple[float, float]]

_COLOURS = 10  # after so many lines the colours begin anew
_STYLES = ("-", "--", ":")


def lines(
    path: Path,
    series: Mapping[str, Points],
    *,
    x: str,
    y: str,
    bound: float | None = None,
    scale: str = "log",
    y_scale: str = "log",
) -> str:
    """Draw each series as a line, and a target as a dashed one; return the Markdown that shows it."""
    settings = {"svg.hashsalt": path.stem, "svg.fonttype": "none", "font.size": 9}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(7.2, 3.8), layout="constrained")
        axes = figure.add_subplot(xscale=scale, yscale=y_scale, xlabel=x, ylabel=y)
        for number, (name, points) in enumerate(series.items()):
            axes.plot(
                *zip(*points, strict=True),
                linestyle=_STYLES[number // _COLOURS],
                marker="o" if len(points) < 40 else "",
                markersize=3,
                label=name,
            )
        if bound is not None:
            axes.axhline(bound, color="black", linestyle="--", linewidth=0.8, label="target")
        axes.grid(visible=True, which="major", linewidth=0.3)
        if y_scale == "linear":
            axes.set_ylim(bottom=0)
        figure.legend(loc="outside right upper", frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return f"![{y} by {x}]({path.parent.name}/{path.name})"
