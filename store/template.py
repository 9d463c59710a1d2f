"""Templates of prompts: the words that stay, and the gaps where names, documents and examples come and go.

Pure; knows no task and no log. How a template is found in texts is the distiller's (`distiller.grouping`); here it is
written down and looked up. A lookup reads each word once for every gap that is open, whatever the number of templates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, KeysView
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

MOST_OPTIONAL = 4  # runs of one template: each doubles its paths
_LIVE = 32  # gaps that a lookup keeps open: the innermost
_STEPS = 24  # per word of a text, and then it has no template
_LEAST_STEPS = 4_096

Node = dict[Any, Any]  # a word leads to the next node, _MARK to what stands there besides
_MARK = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Literal words, one after the other."""

    words: tuple[str, ...]
    gap: bool = False  # any words may stand before it, or none
    optional: bool = False  # it may be absent, and then stands there whole or not at all


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """The constant words of a prompt in one scope."""

    template_id: str  # the fingerprint that its calls get: 32 hex digits, the first 16 its scope
    scope: str
    runs: tuple[Run, ...]  # at least one that is not optional
    open_end: bool = False  # any words may follow the last run
    created: float = 0.0

    @property
    def literals(self) -> tuple[str, ...]:
        """All words that stay, optional ones too."""
        return tuple(word for run in self.runs for word in run.words)

    def paths(self) -> Iterator[Path]:
        """Give the runs with each choice of optional ones; a gap before one that is absent stays a gap."""
        yield from _paths(self.runs, gap=False, open_end=self.open_end)


@dataclass(frozen=True, slots=True)
class Path:
    """The runs of a template that are there in some of its texts."""

    runs: tuple[Run, ...]
    open_end: bool


def _paths(runs: tuple[Run, ...], *, gap: bool, open_end: bool) -> Iterator[Path]:
    if not runs:
        yield Path((), open_end or gap)
        return
    first, rest = runs[0], runs[1:]
    present = Run(words=first.words, gap=first.gap or gap)
    for path in _paths(rest, gap=False, open_end=open_end):
        yield Path((present, *path.runs), path.open_end)
    if first.optional:
        yield from _paths(rest, gap=first.gap or gap, open_end=open_end)


class Templates:
    """Many templates, looked up by scope and words. Immutable; the same whatever order they were given in."""

    def __init__(self, templates: Iterable[Template] = ()) -> None:
        self._roots: dict[str, Node] = {}
        self._rank: dict[str, tuple[int, float, str]] = {}
        for template in templates:
            self._rank[template.template_id] = (
                -len(template.literals), template.created, template.template_id,
            )  # fmt: skip
            for path in template.paths():
                self._plant(template, path)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._rank)

    def __contains__(self, template_id: str) -> bool:
        """Tell whether a fingerprint is that of one of these."""
        return template_id in self._rank

    @property
    def scopes(self) -> KeysView[str]:
        """The scopes that have templates: in any other, the words of a user message need not be read."""
        return self._roots.keys()

    def find(self, scope: str, words: tuple[str, ...]) -> str | None:
        """Give the id of the template that a text is made from: the one with most words, of equals the oldest."""
        root = self._roots.get(scope)
        return None if root is None else min(_Walk(words).run(root), key=self._rank.__getitem__, default=None)

    def _plant(self, template: Template, path: Path) -> None:
        node = self._roots.setdefault(template.scope, {})
        for run in path.runs:
            if run.gap:
                mark = node.setdefault(_MARK, _Mark())
                mark.gap = node = {} if mark.gap is None else mark.gap
            for word in run.words:
                node = node.setdefault(word, {})
        mark = node.setdefault(_MARK, _Mark())
        (mark.opens if path.open_end else mark.ends).append(template.template_id)


@dataclass(slots=True)
class _Mark:
    """What stands at a node besides words."""

    gap: Node | None = None  # the node after it
    ends: list[str] = field(default_factory=list)  # ids of templates whose texts end here
    opens: list[str] = field(default_factory=list)  # of those whose texts may go on as they like


class _Walk:
    """One lookup.

    A run is looked for where its gap may end first, and that place is enough: what can follow a later one can
    follow it too. So each gap opens once, and stays open for the other runs that may end it.
    """

    def __init__(self, words: tuple[str, ...]) -> None:
        self.found: list[str] = []
        self._words = words
        self._opened: set[int] = set()
        self._waiting: list[tuple[int, Node]] = []  # gaps, and where they open

    def run(self, root: Node) -> list[str]:
        """Give the ids of all templates that the text is made from; none where that took too long."""
        left = _STEPS * len(self._words) + _LEAST_STEPS - self._follow(root, 0)
        live: list[Node] = []
        for at, word in enumerate(self._words):
            if self._waiting:
                live += [gap for opens, gap in self._waiting if opens <= at]
                self._waiting = [one for one in self._waiting if one[0] > at]
                del live[:-_LIVE]
            for gap in live:
                if word in gap:
                    left -= self._follow(gap[word], at + 1)
                    if left < 0:
                        return []
        return self.found

    def _follow(self, node: Node, at: int) -> int:
        """Read words from a node on as far as they lead, note what opens or ends there; give how many."""
        if (mark := node.get(_MARK)) is not None:
            self._note(mark, at)
        count = 0
        for word in islice(self._words, at, None):
            if (following := node.get(word)) is None:
                break
            node = following
            count += 1
            if (mark := node.get(_MARK)) is not None:
                self._note(mark, at + count)
        return count

    def _note(self, mark: _Mark, at: int) -> None:
        if mark.gap is not None and id(mark.gap) not in self._opened:
            self._opened.add(id(mark.gap))
            self._waiting.append((at, mark.gap))
        self.found += mark.opens
        if at == len(self._words):
            self.found += mark.ends
