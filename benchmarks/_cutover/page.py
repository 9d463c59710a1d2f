"""The benchmark's part of the page, from its kept result. Knows no run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import _page, _plots
from benchmarks._cutover.reference import ALONE, CAUGHT, STUDENTS

Row = dict[str, Any]
_LOOKING = (
    "**Looking after every pair** at a student exactly at the margin, for 6,000 pairs: how often it is promoted by a "
    "z-test at 5% and by this test at alpha .05."
)


def page(kept: Row, plots: Path) -> str:
    """Give tables and plots as Markdown."""
    found = kept["result"]
    decided = {row["student"]: row["decided"] for row in found["students"] if row["decided"]}
    naive = next(row for row in found["naive"] if row["shape"] == "errors")
    return "\n\n".join(
        (
            f"{_page.ran(kept)} {found['rollouts']:,} rollouts a row, {found['replications']:,} at the margin.",
            _students(found["students"]),
            _plots.lines(
                plots / "cutover-calls.svg",
                decided,
                x="calls",
                y="share at FULL or rolled back",
                y_scale="linear",
            ),
            "**At exactly the margin**: the share of rollouts that left SHADOW, and that reached FULL.",
            _margin(found["at_margin"]),
            _LOOKING,
            _page.table(
                ["differences", "z-test", "this test"],
                [[row["shape"], f"{row['naive']:.3f}", f"{row['ours']:.3f}"] for row in found["naive"]],
            ),
            _plots.lines(
                plots / "cutover-naive.svg",
                {"z-test at 5%": naive["naive_by"], "this test": naive["ours_by"]},
                x="pairs",
                y="promoted at the margin",
                bound=0.05,
                y_scale="linear",
            ),
            _alone(found),
        )
    )


def _students(rows: list[Row]) -> str:
    known = {student.name: student for student in STUDENTS}
    heads = ["student", "FULL", "expected", "rolled back", "expected", "pairs", "expected"]
    heads += ["of them served", "expected", "calls"]
    cells = []
    for row in rows:
        student = known[row["student"]]
        cells.append(
            [
                row["student"],
                f"{row['full']:.2%}",
                f"{student.full:.1%}",
                f"{row['rolled_back']:.2%}",
                f"{student.rolled_back:.1%}",
                _spread(row["pairs"]),
                "-" if student.pairs is None else f"{student.pairs[0]:,}/{student.pairs[1]:,}",
                _spread(row["served_pairs"]),
                "-" if student.served is None else f"{student.served:,}",
                _spread(row["calls"]),
            ]
        )
    return _page.table(heads, cells)


def _margin(rows: list[Row]) -> str:
    heads = ["teacher", "margin", "left SHADOW", "FULL", "rolled back", "bound"]
    return _page.table(
        heads,
        [
            [
                row["shape"] if row["teacher"] is None else f"{row['teacher']:.2f}",
                f"{row['delta']:.2f}",
                *(f"{row[name]:.4f}" for name in ("left_shadow", "full", "rolled_back")),
                f"{row['bound']:.3f}",
            ]
            for row in rows
        ],
    )


def _alone(found: Row) -> str:
    rows = [
        [
            f"promotion test by itself, equal student, delta {row['delta']}",
            _spread(row["pairs"]),
            "{:,}/{:,}".format(*ALONE[row["delta"]]),
        ]
        for row in found["promotion_test_alone"]
    ]
    rows += [
        [
            f"{100 * row['gap']:+.0f} pt after 20,000 good pairs",
            _spread(row["pairs"]),
            f"{CAUGHT[row['gap']]:,}",
        ]
        for row in found["late_regression"]
    ]
    late = found["late_regression"][0]
    return (
        f"{_page.table(['pairs needed', 'median/p90', 'expected'], rows)}\n\n{late['false_alarms']} false alarms over the "
        f"20,000 good pairs of {late['replications']} replications."
    )


def _spread(value: dict[str, int] | None) -> str:
    return "-" if value is None else f"{value['median']:,}/{value['p90']:,}"
