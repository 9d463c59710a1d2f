"""The way of a job: trainset, train, serve, evaluate, rollout. Knows no torch, no route and no scheduler."""

from distiller.pipeline.errors import FailedError, HopelessError, PipelineError
from distiller.pipeline.executor import Executor
from distiller.pipeline.parts import OnStudent, Parts
from distiller.pipeline.pipeline import PHASES, Pipeline
from distiller.pipeline.survey import Survey, survey

__all__ = [
    "PHASES",
    "Executor",
    "FailedError",
    "HopelessError",
    "OnStudent",
    "Parts",
    "Pipeline",
    "PipelineError",
    "Survey",
    "survey",
]
