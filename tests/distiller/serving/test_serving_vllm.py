"""An adapter kept in a vLLM, by a server that answers as vLLM's documentation says."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from distiller.serving.process import ServingError
from distiller.serving.vllm import Adapter, keep

BASE = "base-model"
DEADLINE_S = 30.0


class Handler(BaseHTTPRequestHandler):
    """vLLM's model routes."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        names = [BASE, *self.server.adapters]
        self._say(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in names]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, body))
        getattr(self, self.path.removeprefix("/v1/").replace("/", "_"))(body)

    def load_lora_adapter(self, body):
        name, path = body["lora_name"], Path(body["lora_path"])
        if name in self.server.adapters:
            self._refuse(400, "InvalidUserInput", f"The lora adapter '{name}' has already been loaded.")
        elif not (path / "adapter_config.json").is_file():
            self._refuse(404, "NotFoundError", f"No adapter found for {path}")
        else:
            self.server.adapters[name] = path
            self._say(200, f"Success: LoRA adapter '{name}' added successfully.")

    def unload_lora_adapter(self, body):
        name = body["lora_name"]
        if self.server.adapters.pop(name, None) is None:
            self._refuse(404, "NotFoundError", f"The lora adapter '{name}' cannot be found.")
        else:
            self._say(200, f"Success: LoRA adapter '{name}' removed successfully.")

    def chat_completions(self, body):
        if self.server.mute or body["model"] not in (BASE, *self.server.adapters):
            self._refuse(404, "NotFoundError", f"The model `{body['model']}` does not exist.")
            return
        choice = {"index": 0, "message": {"role": "assistant", "content": "H"}, "finish_reason": "length"}
        self._say(200, {"object": "chat.completion", "model": body["model"], "choices": [choice]})

    def _refuse(self, status, kind, message):
        self._say(status, {"error": {"message": message, "type": kind, "param": None, "code": status}})

    def _say(self, status, said):
        data = said.encode() if isinstance(said, str) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Vllm(ThreadingHTTPServer):
    """A base, and the adapters that were loaded. A `mute` one completes nothing."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.adapters, self.asked, self.mute = {}, [], False
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Looks:
    """A lifeline that lets a loop look so many times."""

    def __init__(self, times, before=lambda: None):
        self.left, self.before = times, before

    def wait(self, _seconds):
        self.left -= 1
        if self.left >= 0:
            self.before()
        return self.left < 0


@pytest.fixture
def vllm():
    server = Vllm()
    yield server
    server.close()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    return tmp_path / "adapter"


def test_an_adapter_is_taken_in_once_and_dropped(vllm, folder):
    adapter = Adapter(f"{vllm.url}/v1", "stillhouse-1", folder)
    assert not adapter.served()
    adapter.load()
    adapter.load()
    assert adapter.served()
    assert adapter.answers(5.0)
    assert vllm.adapters == {"stillhouse-1": folder}
    assert [path for path, _ in vllm.asked].count("/v1/load_lora_adapter") == 1
    adapter.unload()
    adapter.unload()
    assert not vllm.adapters


def test_a_vllm_that_was_restarted_gets_it_again(vllm, folder):
    adapter = Adapter(vllm.url, "stillhouse-1", folder)
    adapter.load()
    assert keep(adapter, Looks(3, before=vllm.adapters.clear)) == 0
    assert list(vllm.adapters) == ["stillhouse-1"]


def test_a_vllm_that_completes_nothing_ends_the_child(vllm, folder):
    adapter = Adapter(vllm.url, "stillhouse-1", folder)
    adapter.load()
    vllm.mute = True
    assert keep(adapter, Looks(5)) == 1


def test_its_refusal_is_told_in_its_own_words(vllm, tmp_path):
    with pytest.raises(ServingError, match="No adapter found for"):
        Adapter(vllm.url, "stillhouse-1", tmp_path).load()


def test_a_base_that_it_does_not_serve_is_an_error(vllm):
    Adapter(vllm.url, BASE, None).load()
    with pytest.raises(ServingError, match="does not serve the model 'other'"):
        Adapter(vllm.url, "other", None).load()


def test_nobody_there_is_an_error(folder):
    vllm = Vllm()
    vllm.close()
    with pytest.raises(ServingError, match="does not list its models"):
        Adapter(vllm.url, "stillhouse-1", folder).load()
    assert keep(Adapter(vllm.url, "stillhouse-1", folder), Looks(2)) == 0  # it may come back


def test_the_child_says_that_it_is_ready_and_drops_the_adapter_at_its_end(vllm, folder):
    command = [sys.executable, "-m", "distiller.serving.vllm", "--url", vllm.url, "--model", "stillhouse-1"]
    child = subprocess.Popen(
        [*command, "--weights", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    told = json.loads(child.stdout.readline())
    assert told == {"event": "ready", "url": vllm.url, "model": "stillhouse-1"}
    asked = {"model": "stillhouse-1", "messages": [{"role": "user", "content": "Hello"}]}
    assert httpx.post(f"{vllm.url}/v1/chat/completions", json=asked).is_success
    child.stdin.close()
    assert child.wait(DEADLINE_S) == 0
    child.stdout.close()
    assert not vllm.adapters


def test_the_child_says_what_is_wrong_with_its_url(folder):
    command = [sys.executable, "-m", "distiller.serving.vllm", "--url", "gpu:8000", "--model", "m"]
    told = subprocess.run(
        [*command, "--weights", str(folder)],
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert json.loads(told.stdout) == {"event": "error", "message": "'gpu:8000' is no URL of a vLLM"}
