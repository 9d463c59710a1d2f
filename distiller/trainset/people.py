"""Finds names of people and places with Presidio, where it is installed (extra `privacy`). Knows no row.

Patterns find what has a form; a name has none, and a language model that was trained to find names misses some
and finds others where there are none. It reads one language.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterable
from typing import Any

from distiller.trainset.patterns import Found

_KINDS = {"PERSON": "person", "LOCATION": "place"}


class MissingError(Exception):
    """Names are to be taken out, and there is nothing to find them with. One sentence says what is missing."""


def missing(model: str) -> str | None:
    """Return what must be installed before names can be found with this spaCy model, None for nothing."""
    if any(importlib.util.find_spec(module) is None for module in ("presidio_analyzer", "spacy")):
        return "redact is names, which needs Presidio: pip install 'stillhouse[privacy]'."
    if not _packaged(model):  # Presidio would fetch it from the internet
        return f"redact is names, which needs the spaCy model {model}: it is not installed."
    return None


def _packaged(model: str) -> bool:
    try:
        importlib.metadata.distribution(model)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


class Presidio:
    """A `People`: Presidio's analyzer over a spaCy model. Loading it takes seconds."""

    def __init__(self, model: str, language: str = "en") -> None:
        """Load the model by the name of its package. Raises MissingError."""
        if lacking := missing(model):
            raise MissingError(lacking)
        from presidio_analyzer import AnalyzerEngine  # noqa: PLC0415 - an extra
        from presidio_analyzer.nlp_engine import NlpEngineProvider  # noqa: PLC0415 - an extra

        configuration = {"nlp_engine_name": "spacy", "models": [{"lang_code": language, "model_name": model}]}
        engine = NlpEngineProvider(nlp_configuration=configuration).create_engine()
        self._language = language
        self._analyzer: Any = AnalyzerEngine(nlp_engine=engine, supported_languages=[language])

    def find(self, text: str) -> Iterable[Found]:
        """Return the names of people and places in a text, none overlapping."""
        found: list[Found] = []
        for one in self._analyzer.analyze(text, language=self._language, entities=list(_KINDS)):
            if all(one.end <= other.start or other.end <= one.start for other in found):
                said = text[one.start : one.end]
                found.append(Found(start=one.start, end=one.end, kind=_KINDS[one.entity_type], text=said))
        return found
