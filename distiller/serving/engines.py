"""What serves a student of each engine: a module, and what of the student's folder it loads. Knows no process.

Every module takes `--weights PATH --port N --parallel N --context N --threads N --model NAME`, listens on
127.0.0.1 and says that it is ready in one JSON line (`docs/child-protocol.md`).
"""

from __future__ import annotations

from store.vocabulary import Engine

MODULES = {
    Engine.LLAMA: "distiller.serving.process",
    Engine.VLLM: "distiller.serving.vllm",
    Engine.CLASSIFIER: "distiller.serving.classifier",
}  # an endpoint is somebody else's
WEIGHTS = {
    Engine.LLAMA: "student.gguf",
    Engine.VLLM: "adapter",
    Engine.CLASSIFIER: "classifier",
    Engine.ENDPOINT: "endpoint.json",
}  # below the student's folder
