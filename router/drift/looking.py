"""What a watch of inputs remembers between two looks, besides its counts. Knows no store and writes nothing.

Nothing here is lost when it is lost: it is read again from the log, without what was erased there meanwhile.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from router.drift import inputs
from router.drift.features import Marks, marks, text_of
from router.drift.inputs import InputWatch
from router.drift.once import Once
from router.drift.settings import DriftPolicy
from router.drift.telling import Telling, tell
from router.drift.why import changed_words
from store.vocabulary import Input

Read = Callable[[], Sequence[Input]]


class Looking:
    """The requests from before one rollout and its latest, as hashed places, and the classifier."""

    def __init__(self, before: Sequence[Input], latest: Sequence[Input], policy: DriftPolicy) -> None:
        self._policy = policy
        once = Once()
        before = [one for one in before if once.counts(one.unit)][-policy.reference :]
        self._learnt_from = [marks(one.request) for one in before if _half(one)]
        self._held = [marks(one.request) for one in before if not _half(one)]
        self._once = Once()
        self._latest: deque[Marks] = deque(
            (marks(one.request) for one in latest if self._once.counts(one.unit)), maxlen=policy.window
        )
        self._telling: Telling | None = None

    @property
    def reference(self) -> int:
        """How many requests it compares with."""
        return len(self._learnt_from) + len(self._held)

    def look(self, watch: InputWatch, found: Sequence[Input]) -> InputWatch:
        """Give the watch after further requests, in order. It learns at most once."""
        watch = replace(watch, reference=self.reference)
        new = [marks(one.request) for one in found if self._once.counts(one.unit)]
        if self.reference < self._policy.least or not new:
            return watch
        watch = self._learn(watch)
        if self._telling is None:
            watch = inputs.unlearnt(watch, len(new))
        else:
            watch = inputs.seen(watch, self._telling.beyond(new), self._policy)
        self._latest.extend(new)
        return watch

    def _learn(self, watch: InputWatch) -> InputWatch:
        missing = self._telling is None and len(self._latest) >= self._policy.every
        if not missing and not inputs.due(watch, self._policy):
            return watch
        if len(self._latest) < self._policy.every:
            return watch
        self._telling = tell(self._learnt_from, list(self._latest))
        return inputs.learnt(watch, self._telling.beyond(self._held), self._policy)


def explained(watch: InputWatch, before: Sequence[Input], latest: Sequence[Input]) -> InputWatch:
    """Give the watch with the words that have changed most; `before` and `latest` are not kept."""
    texts = ([text_of(one.request) for one in part] for part in (_once_each(before), _once_each(latest)))
    return inputs.told(watch, changed_words(*texts))


def _once_each(found: Sequence[Input]) -> list[Input]:
    once = Once()
    return [one for one in found if once.counts(one.unit)]


def _half(one: Input) -> bool:
    """Part the reference by the calls' ids, not by their order."""
    return zlib.crc32(one.call_id.encode()) % 2 == 0
