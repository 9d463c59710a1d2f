"""Student against teacher on held-out calls. Knows no training, no rollout and no store."""

from distiller.evaluation.ceiling import Ceiling, ceiling
from distiller.evaluation.evaluate import Evaluator, Findings
from distiller.evaluation.parity import Parity, compare
from distiller.evaluation.verdict import Judged, Screen, decide

__all__ = ["Ceiling", "Evaluator", "Findings", "Judged", "Parity", "Screen", "ceiling", "compare", "decide"]
