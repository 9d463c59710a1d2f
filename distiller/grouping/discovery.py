"""Keeps the texts that no template fits, and makes templates of them. Knows no log, no task and no control state.

Bounded: of each scope the latest texts are kept, and they are looked at again only when enough new ones came.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from distiller.grouping import families, outline
from distiller.grouping.induce import LEAST, Found, induce, widen
from store import opening
from store.template import Template, Templates

KEPT = 96  # texts of a scope
_BATCH = 48  # texts after which templates are looked for: an edit in between is seen as one
_FRESH = 4  # new texts before a scope is looked at again
_ALIVE = 8  # calls of a template beside texts that it nearly fits: both are in use
_SURELY = 24  # the same, where those texts have one thing in common, as after an edit
_HEARD = 64
_KIN = 0.5
_OFTEN = 8  # calls of a head: what is in it is constant


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """The words that a call's template is looked for in."""

    fingerprint: str
    words: tuple[str, ...]
    ts: float
    constant: bool = True  # all calls with the fingerprint have these words

    @property
    def scope(self) -> str:
        """What must be equal besides."""
        return opening.scope_of(self.fingerprint)


@dataclass(slots=True)
class _Pool:
    """The latest texts of a scope that no template fits."""

    texts: deque[Text] = field(default_factory=lambda: deque(maxlen=KEPT))
    fresh: int = 0

    def due(self) -> bool:
        """Tell whether enough came since the last look."""
        return self.fresh >= max(_FRESH, len(self.texts) // 8)


class Discovery:
    """The templates of one control process, and what may become some."""

    def __init__(self, templates: Iterable[Template] = ()) -> None:
        self.known: dict[str, Template] = {template.template_id: template for template in templates}
        self._lookup = Templates(self.known.values())
        self._pools: dict[str, _Pool] = {}
        self._calls: dict[str, int] = {}  # of heads that no template fits
        self._proven: set[str] = set()  # scopes of which a head was said often since the last look
        self._heard: dict[str, deque[tuple[float, int]]] = {}  # when a template's calls were how many

    def keep(self, published: Iterable[Template]) -> None:
        """Forget the templates that are not published any more."""
        left = {template.template_id for template in published}
        if left != self.known.keys():
            self.known = {name: one for name, one in self.known.items() if name in left}
            self._lookup = Templates(self.known.values())

    def fitting(self, scope: str, words: tuple[str, ...]) -> str | None:
        """Give the id of the template that a text is made from."""
        return self._lookup.find(scope, words)

    def narrower(self, template: Template) -> list[str]:
        """Give the ids of the templates that one is a wider form of."""
        lookup = Templates([template])
        return [
            name
            for name, one in self.known.items()
            if name != template.template_id and lookup.find(one.scope, one.literals) is not None
        ]

    def heard(self, template_id: str, ts: float, calls: int = 1) -> None:
        """Note calls that a template fits."""
        log = self._heard.setdefault(template_id, deque(maxlen=_HEARD))
        log.append((ts, calls + (log[-1][1] if log else 0)))

    def called(self, fingerprint: str, calls: int) -> None:
        """Note how often a head was called that no template fits."""
        if self._calls.get(fingerprint, 0) < _OFTEN <= calls:
            self._proven.add(opening.scope_of(fingerprint))
        self._calls[fingerprint] = calls

    def observe(self, texts: Sequence[Text]) -> list[Template]:
        """Take texts, oldest first; give the templates that they made, oldest first."""
        made: list[Template] = []
        for start in range(0, len(texts), _BATCH):
            touched = {self._take(text) for text in texts[start : start + _BATCH]}
            for scope in sorted(touched - {""}):
                if self._pools[scope].due():
                    made += self._look(scope, self._pools[scope])
        for scope in sorted(self._proven & self._pools.keys()):
            made += self._look(scope, self._pools[scope])
        self._proven.clear()
        return made

    def _take(self, text: Text) -> str:
        """Keep a text that no template fits; give its scope then."""
        fits = self.fitting(text.scope, text.words)
        if fits is not None:
            self.heard(fits, text.ts)
            return ""
        pool = self._pools.setdefault(text.scope, _Pool())
        if text.words and all(text.words != kept.words for kept in pool.texts):
            pool.texts.append(text)
            pool.fresh += 1
        return text.scope

    def _look(self, scope: str, pool: _Pool) -> list[Template]:
        pool.fresh = 0
        made: list[Template] = []
        for template in [one for one in self.known.values() if one.scope == scope]:
            wider = self._wider(template, pool)
            if wider is not None:
                made.append(self._add(scope, wider, pool))
        if len(pool.texts) >= LEAST:
            texts = list(pool.texts)
            for found in induce([text.words for text in texts], constant=self._often(texts)):
                made.append(self._add(scope, found, pool))  # noqa: PERF401 - each takes texts out of the pool
        return made

    def _add(self, scope: str, found: Found, pool: _Pool) -> Template:
        fitting = [text for text in pool.texts if found.outline.fits(text.words)]
        spelled = [[run.words, run.gap] for run in found.outline.runs]
        template_id = opening.name_in(scope, [spelled, found.outline.open_end])
        template = found.outline.template(template_id, scope, max(text.ts for text in fitting))
        self.known[template_id] = template
        self._lookup = Templates(self.known.values())
        for text in fitting:
            pool.texts.remove(text)
            self._calls.pop(text.fingerprint, None)
            self.heard(template_id, text.ts)
        return template

    def _wider(self, template: Template, pool: _Pool) -> Found | None:
        mine = frozenset().union(*(_grams(run.words) for run in template.runs))
        kin = [t for t in pool.texts if len(mine & families.grams(t.words)) >= _KIN * len(mine)]
        if not kin:
            return None
        since = self._since(template.template_id, kin[0].ts)
        if since < _ALIVE:
            return None
        words = [text.words for text in kin]
        return widen(outline.of(template), words, one_value=since >= _SURELY, constant=self._often(kin))

    def _often(self, texts: Sequence[Text]) -> set[int]:
        """Give the places of heads that were said again and again."""
        return {n for n, text in enumerate(texts) if self._calls.get(text.fingerprint, 0) >= _OFTEN}

    def _since(self, template_id: str, ts: float) -> int:
        """Give how many calls a template fitted after a time."""
        log = self._heard.get(template_id, ())
        before = [calls for at, calls in log if at <= ts]
        return (log[-1][1] - (before[-1] if before else 0)) if log else 0


def _grams(words: tuple[str, ...]) -> frozenset[families.Gram]:
    size = families.SIZE
    return frozenset(tuple(words[i : i + size]) for i in range(max(1, len(words) - size + 1)))
