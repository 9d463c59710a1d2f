"""Other proxies before the same upstream, and the TLS in front of it. Knows no load and no gateway of ours."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from benchmarks._gateway.ground import HERE, KEY, Running, Upstream, cores, free_port, running

BIN = HERE.parents[1] / ".venv-peers" / "bin"
APP_KEY = "sk-of-an-app-0123456789"  # that `load.c` sends
_KEEP = "keepalive 512; keepalive_requests 10000000;"


@contextmanager
def nginx(at: Upstream, folder: Path, *, bodies: bool = False) -> Iterator[Running]:
    """Run nginx with one worker, keep-alive on both sides and no buffering of answers; `bodies`: it logs those of requests."""
    tls = (
        f" proxy_ssl_trusted_certificate {at.certificate}; proxy_ssl_verify on; proxy_ssl_name localhost;"
        " proxy_ssl_session_reuse on;"
        if at.certificate
        else ""
    )
    server = (
        f"upstream there {{ server 127.0.0.1:{at.port}; {_KEEP} }} log_format bodies escape=json "
        '\'{"at":$msec,"status":$status,"key":"$http_authorization","said":"$request_body"}\';'
        " server { listen 127.0.0.1:%d backlog=2048; location / { proxy_pass"
        f" {'https' if at.certificate else 'http'}://there; proxy_http_version 1.1;"
        f' proxy_set_header Connection ""; proxy_buffering off;{tls} }} }}'
    )
    name = "nginx logging bodies" if bodies else "nginx"
    with _nginx(
        name, server, folder, log="{home}/access bodies buffer=64k flush=1s" if bodies else "off"
    ) as found:
        yield found


@contextmanager
def secured(at: Upstream, folder: Path) -> Iterator[Upstream]:
    """Put TLS in front of an upstream, on its core: nginx with a certificate that is made here."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    asked = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        [*asked.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    server = (
        f"upstream there {{ server 127.0.0.1:{at.port}; {_KEEP} }} ssl_session_cache shared:s:10m;"
        f" server {{ listen 127.0.0.1:%d ssl backlog=2048; ssl_certificate {certificate}; ssl_certificate_key {key};"
        " location / { proxy_pass http://there; proxy_http_version 1.1;"
        ' proxy_set_header Connection ""; proxy_buffering off; } }'
    )
    with _nginx("TLS", server, folder, pin=cores()[1]) as found:
        yield Upstream(port=found.port, certificate=certificate)


@contextmanager
def _nginx(
    name: str, server: str, folder: Path, *, log: str = "off", pin: set[int] | None = None
) -> Iterator[Running]:
    home = folder / name.replace(" ", "-")
    home.mkdir()
    port = free_port()
    kinds = " ".join(
        f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (home / "conf").write_text(
        f"daemon off; worker_processes 1; pid {home}/pid; error_log {home}/log; events {{ worker_connections 4096; }}"
        f" http {{ {kinds} client_max_body_size 64m; client_body_buffer_size 1m; keepalive_requests 10000000;"
        f" {server % port} access_log {log.format(home=home)}; }}"
    )
    command = [str(shutil.which("nginx")), "-p", str(home), "-c", str(home / "conf"), "-e", str(home / "log")]
    with running(command, port, pin=pin, log=home / "said") as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield Running(name=name, port=port, pids=tuple(map(int, children)))


@contextmanager
def litellm(at: Upstream, folder: Path) -> Iterator[Running]:
    """Run LiteLLM's proxy with one worker (`make bench-peers` installs it)."""
    home = folder / "litellm"
    home.mkdir()
    model = {"model": "openai/gpt-4o-mini", "api_base": f"{at.url}/v1", "api_key": KEY}
    said = {
        "model_list": [{"model_name": "gpt-4o-mini", "litellm_params": model}],
        "general_settings": {"master_key": APP_KEY},
    }
    (home / "config.yaml").write_text(yaml.safe_dump(said))
    port = free_port()
    command = [
        str(BIN / "litellm"), "--config", str(home / "config.yaml"), "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    with running(command, port, environ={"LITELLM_LOG": "ERROR"}, log=home / "log") as process:
        yield Running(name="litellm", port=port, pids=(process.pid,))


def missing() -> dict[str, str]:
    """Say which peers are not here, and what would bring them."""
    absent = {}
    if shutil.which("nginx") is None:
        absent["nginx"] = "nginx is not installed: neither it nor a TLS upstream is measured."
    if not (BIN / "litellm").exists():
        absent["litellm"] = "LiteLLM's proxy is not installed: `make bench-peers` does that."
    return absent
