"""The translator's process: settings, keys, litellm, server. Knows no journal, no route and no other upstream's key."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Mapping

import uvloop

from stillhouse.errors import ConfigError, StillhouseError
from stillhouse.processes import arguments, logs, stdin
from stillhouse.processes.arguments import Told
from stillhouse.processes.served import Served
from stillhouse.settings import Settings
from stillhouse.settings.calls import LITELLM
from stillhouse.translator.app import Complete, Translator
from stillhouse.translator.target import Target, quiet, resolved

DRAIN_S = 5.0


def targets(settings: Settings, environ: Mapping[str, str]) -> dict[str, Target]:
    """Give the upstreams that are asked here, by name. Raises ConfigError."""
    found: dict[str, Target] = {}
    for upstream in settings.upstreams:
        if upstream.kind != LITELLM:
            continue
        try:
            params = resolved(upstream.params, environ)
        except KeyError as name:
            raise ConfigError(f"Upstream {upstream.name}: the variable {name.args[0]} is not set.") from name
        key = upstream.api_key.get_secret_value() if upstream.api_key else None
        found[upstream.name] = Target(name=upstream.name, params=params, api_key=key)
    return found


def loaded() -> Complete:
    """Import litellm, which takes seconds, and let it send nothing but calls."""
    quiet(os.environ)
    import litellm  # noqa: PLC0415 - after its environment is set

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    complete: Complete = litellm.acompletion
    return complete


async def serve(told: Told) -> None:
    """Serve until standard input closes."""
    app = Translator(targets(told.settings, os.environ), told.door.token, loaded())
    served = Served(app, drain_s=DRAIN_S)
    stdin.watch(served.stop)
    await served.run(socket.socket(fileno=told.socket))


def main() -> int:
    """Run the process; 2 tells the supervisor that the settings cannot work."""
    logs.configure("translator")
    try:
        told = arguments.read("stillhouse.translator.process", {LITELLM})
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(told))
    except StillhouseError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
