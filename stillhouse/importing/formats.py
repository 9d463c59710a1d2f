"""The formats, by the names that the command knows. Each reads one record at a time, after a look at all where it needs one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from stillhouse.importing import chat, evals, langfuse, litellm_logs, stored
from stillhouse.importing.found import Found, Left, Object, Unreadable
from stillhouse.importing.records import Made, Maker
from stillhouse.importing.rows import Row

Reader = Callable[[Object], list[Found]]


def _alone(exchanges: Reader) -> Callable[[Iterable[Row]], Reader]:
    return lambda _rows: exchanges


FORMATS: dict[str, Callable[[Iterable[Row]], Reader]] = {
    "chat": _alone(chat.exchanges),
    "openai": _alone(stored.exchanges),
    "evals": _alone(evals.exchanges),
    "litellm": _alone(litellm_logs.exchanges),
    "langfuse": langfuse.reader,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """Records of a file as they are made of its rows."""

    rows: Iterable[Row]
    read: Reader
    maker: Maker

    def __iter__(self) -> Iterator[Made | Left]:
        """Give what each row holds, or why it is left out."""
        for row in self.rows:
            if row.value is None:
                yield Left(place=row.place, why=row.why)
                continue
            try:
                yield from [self.maker.make(found) for found in self.read(row.value)]
            except Unreadable as why:
                yield Left(place=row.place, why=str(why))
