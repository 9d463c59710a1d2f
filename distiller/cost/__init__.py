"""What a distillation will cost, what it did cost, and what it saves. Pure: knows no store and no price table."""

from distiller.cost.estimate import Estimate, Speed, estimate
from distiller.cost.savings import Savings, Served, savings

__all__ = ["Estimate", "Savings", "Served", "Speed", "estimate", "savings"]
