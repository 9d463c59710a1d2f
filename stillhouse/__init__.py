"""The composition root and the faces: settings, processes, CLI, admin API, console, demo."""

__version__ = "0.1.0"
