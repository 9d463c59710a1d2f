"""What the person who runs the demo chose. Knows nothing of how it is played."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoOptions:
    """Options of `stillhouse demo`; the defaults are `make demo`."""

    folder: Path = Path("demo-data")  # everything the demo writes lies below it
    pairs: Path | None = None  # play this dataset instead of generated tickets
    input_field: str | None = None
    output_field: str | None = None
    holdout: Path | None = None  # also measure the student's agreement with this file's labels
    warmup: int = (
        760  # calls before the first distillation: then some 550 teach it, also where it begins at once
    )
    calls: int = 6000  # most calls to play (generated tickets; a file ends by itself)
    margin: float = 0.05
    alpha: float = 0.05
    epochs: float = 2.0
    seed: int = 7
    teacher_url: str | None = None  # a real teacher instead of the stand-in
    model: str | None = None
    surface: str = "chat"  # which of `saying.SURFACES` the app speaks
    break_student: bool = True  # after full cutover, break the student and watch the way back
    max_minutes: float = 60.0
    as_json: bool = False  # print the summary as JSON at the end
