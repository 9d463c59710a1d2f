"""Fine-tuning a student in a child process. Knows no log, no control state and no gateway.

Only `distiller.training.child` and what it calls import torch, transformers, peft or DSPy; `spec` is plain.
"""
