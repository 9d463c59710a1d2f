"""The fault of the demo: the student's weights are replaced by the untrained base, and its server restarts.

It is what a wrong deployment does. The product is told nothing: it has to see it in the answers.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from distiller.training.base import packaged_gguf
from store.vocabulary import Server


def swap_weights(servers: Sequence[Server]) -> str:
    """Overwrite the first live student's weights and kill its server; return what was done, in words."""
    server = next(s for s in servers if s.wanted and s.pid)
    target = Path(server.weights)
    target.parent.chmod(0o700)
    spare = target.with_suffix(".wrong")
    shutil.copyfile(packaged_gguf(), spare)
    spare.replace(target)
    os.kill(server.pid or 0, signal.SIGKILL)
    return f"{target.name} is now the untrained base model; server {server.pid} was killed and comes back with it"
