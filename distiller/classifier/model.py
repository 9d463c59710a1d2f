"""A classifier student: its folder, and what it answers to a request. Knows no trainset and no wire format.

classifier/
head.safetensors     the linear head
labels.json          the answers, in the head's order, as the teacher spelled them
classifier.json      the encoder's name and hash, how it is read, the template of the app's prompt
encoder/             the encoder itself, unless it is the packaged one
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from distiller.classifier.encoder import Encoder, Floats
from distiller.classifier.head import Head
from distiller.classifier.packaged import DEFAULT_ENCODER, FILES, locate, sha256
from distiller.classifier.text import Template
from distiller.training.errors import BaseUnavailable, TrainingError

LAYERS = 3  # of the encoder whose states are read: the last alone knows less
HEAD, LABELS, ABOUT, OWN = "head.safetensors", "labels.json", "classifier.json", "encoder"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What was made of one request."""

    text: str  # what was read
    log_probs: Floats  # [answers]

    @property
    def best(self) -> int:
        """The place of the answer."""
        return int(np.argmax(self.log_probs))


@dataclass(frozen=True, kw_only=True, slots=True)
class Classifier:
    """A whole student, loaded. `decide` may be called from several threads."""

    encoder: Encoder
    head: Head
    template: Template
    answers: tuple[dict[str, Any], ...]  # assistant messages, in the head's order

    def decide(self, request: Mapping[str, Any]) -> Decision:
        """Return the log-probability of each answer to a rewritten request."""
        text = self.template.text(request)
        return Decision(text=text, log_probs=self.head.log_probs(self.encoder.encode([text]))[0])

    def save(self, folder: Path, *, name: str) -> None:
        """Write the student's folder; `name` is the encoder's, or its folder."""
        folder.mkdir(parents=True, exist_ok=True)
        own = locate(name)
        if name != DEFAULT_ENCODER:
            (folder / OWN).mkdir(exist_ok=True)
            for file in FILES:
                shutil.copyfile(own / file, folder / OWN / file)
        about = {
            "encoder": name,
            "sha256": sha256(own),
            "layers": LAYERS,
            "template": asdict(self.template),
        }
        self.head.save(folder / HEAD)
        (folder / LABELS).write_text(json.dumps(self.answers, ensure_ascii=False, indent=1), "utf-8")
        (folder / ABOUT).write_text(json.dumps(about, ensure_ascii=False, indent=1), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Classifier:
        """Read a student's folder. Raises TrainingError, with one sentence."""
        try:
            about = json.loads((folder / ABOUT).read_text("utf-8"))
            answers = tuple(json.loads((folder / LABELS).read_text("utf-8")))
            head = Head.load(folder / HEAD)
            layers, template = int(about["layers"]), Template(**about["template"])
            name, pinned = str(about["encoder"]), str(about["sha256"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"there is no classifier in {folder} ({error})") from error
        own = folder / OWN if (folder / OWN).is_dir() else locate(name)
        if sha256(own) != pinned:
            raise BaseUnavailable(f"the encoder in {own} is not the one that this student learnt with")
        return cls(encoder=Encoder(own, layers=layers), head=head, template=template, answers=answers)
