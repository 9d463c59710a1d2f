"""A student in forms that other programs read: DSPy, OpenAI's and TRL's rows, PEFT, GGUF, Ollama."""

from distiller.exporting.student import export_student

__all__ = ["export_student"]
