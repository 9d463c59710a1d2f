"""What the person at the terminal sees: one line for what happened, one live line for what goes on."""

from __future__ import annotations

import time

from rich.console import Console
from rich.status import Status

_COLOURS = {"app": "cyan", "ledger": "blue", "student": "magenta", "cutover": "green", "fault": "red"}


class Screen:
    """Prints timestamped lines; on a terminal also keeps a moving status line below them."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(highlight=False, stderr=quiet, soft_wrap=True)
        self._status: Status | None = None
        self._started = time.monotonic()
        self._last = ""
        self._last_at = 0.0

    def start_clock(self) -> None:
        """Count from now: the app's first call."""
        self._started = time.monotonic()

    def elapsed(self) -> float:
        """Return seconds since the clock was started."""
        return time.monotonic() - self._started

    def title(self, text: str) -> None:
        """Print a heading."""
        self._console.print(f"\n[bold]{text}[/bold]")

    def say(self, room: str, text: str) -> None:
        """Print what has happened."""
        minutes, seconds = divmod(int(self.elapsed()), 60)
        colour = _COLOURS.get(room, "white")
        self._console.print(f"[dim]{minutes:3d}:{seconds:02d}[/dim] [{colour}]{room:8}[/{colour}] {text}")

    def now(self, text: str) -> None:
        """Show what goes on: a live line on a terminal, else a plain line every 20 s when it changed."""
        if self._console.is_terminal:
            if self._status is None:
                self._status = self._console.status(text)
                self._status.start()
            self._status.update(text)
        elif text != self._last and time.monotonic() - self._last_at > 20:  # noqa: PLR2004
            self._last, self._last_at = text, time.monotonic()
            self.say("…", text)

    def clear(self) -> None:
        """Take the live line away."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def table(self, rows: list[tuple[str, str]]) -> None:
        """Print name and value, aligned."""
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            self._console.print(f"  [bold]{name:<{width}}[/bold]  {value}")
