"""Fits a head: multinomial logistic regression, its strength and its temperature by cross-validation. Knows no text.

Loss: the sum over rows of -log p, plus `l2` times the squared weights; so one `l2` means the same prior
whatever the number of rows. L-BFGS in torch, on one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from distiller.classifier.head import Floats, Head, log_softmax

L2 = (300.0, 100.0, 30.0, 10.0, 3.0)  # tried from strong to weak, each from where the last one ended
FOLDS = 5
_ALL_FOLDS_UP_TO = 1000  # rows; above, the first fold alone says enough
_STEPS = 60
_TEMPERATURES = np.geomspace(0.25, 4.0, 81)

Classes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A head, and how it did on rows that it had not seen."""

    head: Head
    l2: float
    checked: int  # rows on which the following were measured
    accuracy: float
    nll: float  # nats, with the temperature


def fit(
    vectors: Floats, classes: Classes, answers: int, *, seed: int, tell: Callable[[int, int], None]
) -> Fitted:
    """Fit a head to [rows, width] and the class of each row. `tell` hears the fits done, and of how many."""
    centre = vectors.mean(axis=0)
    scale = float((vectors - centre).std()) or 1.0
    scaled = (vectors - centre) / np.float32(scale)
    folds = _folds(classes, seed)[: FOLDS if len(classes) <= _ALL_FOLDS_UP_TO else 1]
    of, done = len(folds) * len(L2) + 1, 0
    tell(done, of)
    seen = np.concatenate(folds)
    unseen: dict[float, list[Floats]] = {l2: [] for l2 in L2}
    for fold in folds:
        rest = np.setdiff1d(np.arange(len(classes)), fold)
        for l2, (weight, bias) in _path(scaled[rest], classes[rest], answers, L2):
            unseen[l2].append(scaled[fold] @ weight + bias)
            done += 1
            tell(done, of)
    tried = {l2: temper(np.concatenate(logits), classes[seen]) for l2, logits in unseen.items()}
    best = min(tried, key=lambda l2: tried[l2].nll)
    *_, (_, (weight, bias)) = _path(scaled, classes, answers, [l2 for l2 in L2 if l2 >= best])
    tell(of, of)
    weight = (weight / np.float32(scale)).astype(np.float32)
    head = Head(
        weight=weight, bias=(bias - centre @ weight).astype(np.float32), temperature=tried[best].temperature
    )
    right = np.concatenate(unseen[best]).argmax(axis=1) == classes[seen]
    return Fitted(head=head, l2=best, checked=len(seen), accuracy=float(right.mean()), nll=tried[best].nll)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tempered:
    """The temperature that suits some logits best, and the mean -log p with it."""

    temperature: float
    nll: float


def temper(logits: Floats, classes: Classes) -> Tempered:
    """Return the best temperature of a grid (Guo et al. 2017, "On Calibration of Modern Neural Networks")."""
    rows = np.arange(len(classes))
    losses = [-float(log_softmax(logits / np.float32(t))[rows, classes].mean()) for t in _TEMPERATURES]
    best = int(np.argmin(losses))
    return Tempered(temperature=float(_TEMPERATURES[best]), nll=losses[best])


def _folds(classes: Classes, seed: int) -> list[NDArray[np.int64]]:
    """Deal the rows out, class by class, so that each fold has its part of every class."""
    shuffled = np.random.default_rng(seed).permutation(len(classes))
    dealt = shuffled[np.argsort(classes[shuffled], kind="stable")]
    return [dealt[start::FOLDS] for start in range(FOLDS)]


def _path(
    vectors: Floats, classes: Classes, answers: int, strengths: tuple[float, ...] | list[float]
) -> Iterator[tuple[float, tuple[Floats, Floats]]]:
    """Give weight and bias for each strength, in order."""
    x, y = torch.from_numpy(np.ascontiguousarray(vectors)), torch.from_numpy(classes)
    weight = torch.zeros(vectors.shape[1], answers, requires_grad=True)
    bias = torch.zeros(answers, requires_grad=True)
    for l2 in strengths:
        optimiser = torch.optim.LBFGS(
            [weight, bias], max_iter=_STEPS, history_size=8, line_search_fn="strong_wolfe"
        )

        def loss(l2: float = l2, optimiser: torch.optim.LBFGS = optimiser) -> torch.Tensor:
            optimiser.zero_grad()
            entropy = torch.nn.functional.cross_entropy(x @ weight + bias, y)
            value = entropy + l2 / len(y) * weight.square().sum()
            value.backward()
            return value

        optimiser.step(loss)
        yield l2, (weight.detach().numpy().copy(), bias.detach().numpy().copy())
