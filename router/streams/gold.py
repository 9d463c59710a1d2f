"""A difference that a judge gave, corrected by the people who looked at a drawn part. Pure: knows no log.

    psi = J + (G / pi) (H - J)

J is the judge's difference (student less teacher), H the person's, G whether the call was drawn for a person,
pi the probability of that. Whatever the judge does, E[psi | past] = E[H | past], because the draw knows
nothing of either; so a test on psi is a test of what people would say. A label that was drawn and did not come is not
zero: it is the worst that a person could have said.

Source: Robins, Rotnitzky and Zhao, "Estimation of regression coefficients when some regressors are not always
observed" (1994), augmented inverse-probability weighting; Angelopoulos et al., "Prediction-powered inference"
(2023), for a model's labels in the place of the regression.
"""

from __future__ import annotations

LEAST = 0.01
"""The thinnest draw that is tested: below it no number of pairs that a step allows could prove anything."""


def bound(pi: float) -> float:
    """Give B with |psi| <= B: 1 + 2 / pi. 1 where everything is labelled or none is.

    Raises ValueError for a `pi` that is no probability above LEAST.
    """
    if pi in {0.0, 1.0}:
        return 1.0
    if not LEAST <= pi < 1.0:
        raise ValueError(f"the share of labelled calls must lie between {LEAST:g} and 1, not {pi:g}.")
    return 1.0 + 2.0 / pi


def rectified(judged: float, labelled: float | None, *, drawn: bool, pi: float) -> float:
    """Give psi in [-B, B]. `labelled` is None for a drawn call whose labels did not come: the worst is assumed."""
    if not drawn:
        return judged
    return judged + ((-1.0 if labelled is None else labelled) - judged) / pi
