"""What a user may choose about the slow path, with defaults. Knows no file format and reads no environment."""

from distiller.settings.checks import USER_METRIC, SettingsError
from distiller.settings.house import SCREEN_N, DistillerSettings
from distiller.settings.policies import REDACT, RUNGS, SIGNALS, JudgeSettings, Policies, TaskPolicy
from distiller.settings.serving import ServiceSettings, StudentSettings, VllmSettings
from distiller.settings.training import REPLAY, VERBATIM, FinetuneSettings, TrainingSettings, TrainsetSettings

__all__ = [
    "REDACT",
    "REPLAY",
    "RUNGS",
    "SCREEN_N",
    "SIGNALS",
    "USER_METRIC",
    "VERBATIM",
    "DistillerSettings",
    "FinetuneSettings",
    "JudgeSettings",
    "Policies",
    "ServiceSettings",
    "SettingsError",
    "StudentSettings",
    "TaskPolicy",
    "TrainingSettings",
    "TrainsetSettings",
    "VllmSettings",
]
