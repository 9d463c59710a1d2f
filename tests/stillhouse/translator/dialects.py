"""A server that speaks what OpenAI's clients do not: Anthropic's messages, Gemini's and Ollama's own API.

What it says depends on the last words that it is asked: `tool`, `busy`, `bad key`, `cut`, `short`, `slow`, else an echo.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ARGUMENTS = {"queue": "billing"}


class Dialects(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.hung_up = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append({"path": self.path, "headers": headers, "body": body})
        words = last_words(body)
        if words == "busy":
            error = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
            self.whole(429, error, {"retry-after": "7"})
        elif words == "bad key":
            said = f"the key {headers.get('x-api-key')} is not known"
            self.whole(401, {"type": "error", "error": {"type": "authentication_error", "message": said}})
        elif self.path == "/v1/messages":
            self.anthropic(body, words)
        elif self.path == "/api/chat":
            self.ollama(body, words)
        else:
            self.gemini(words)

    def anthropic(self, body, words):
        called = {"type": "tool_use", "id": "toolu_1", "name": "route", "input": ARGUMENTS}
        block = called if words == "tool" else {"type": "text", "text": f"echo {words}"}
        reason = "tool_use" if words == "tool" else "end_turn"
        usage = {
            "input_tokens": 5,
            "cache_read_input_tokens": 4,
            "cache_creation_input_tokens": 3,
            "output_tokens": 2,
        }
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"]}
        if not body.get("stream"):
            self.whole(200, {**message, "content": [block], "stop_reason": reason, "usage": usage})
            return
        self.begin("text/event-stream")
        self.event(
            {
                "type": "message_start",
                "message": {**message, "content": [], "usage": {**usage, "output_tokens": 0}},
            }
        )
        opening = {**called, "input": {}} if words == "tool" else {"type": "text", "text": ""}
        self.event({"type": "content_block_start", "index": 0, "content_block": opening})
        if words == "tool":
            for piece in ('{"queue"', ': "billing"}'):
                self.delta({"type": "input_json_delta", "partial_json": piece})
        else:
            for piece in ("echo ", words):
                self.delta({"type": "text_delta", "text": piece})
        if words == "slow":
            self.wait_for_hanging_up()
            return
        if words == "cut":
            self.event({"type": "error", "error": {"type": "overloaded_error", "message": "too much"}})
            self.piece(b"")
            return
        if words == "short":  # ends in good order, but in the midst of its answer
            self.piece(b"")
            return
        self.event({"type": "content_block_stop", "index": 0})
        self.event({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 2}})
        self.event({"type": "message_stop"})
        self.piece(b"")

    def ollama(self, body, words):
        message = {"role": "assistant", "content": f"echo {words}"}
        if words == "tool":
            message = {
                **message,
                "content": "",
                "tool_calls": [{"function": {"name": "route", "arguments": ARGUMENTS}}],
            }
        end = {"done": True, "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 2}
        head = {"model": body["model"], "created_at": "2026-01-01T00:00:00Z"}
        if not body.get("stream"):
            self.whole(200, {**head, "message": message, **end})
            return
        self.begin("application/x-ndjson")
        for piece in (
            {"message": message, "done": False},
            {"message": {"role": "assistant", "content": ""}, **end},
        ):
            self.piece(json.dumps({**head, **piece}).encode() + b"\n")
        self.piece(b"")

    def gemini(self, words):
        part = (
            {"functionCall": {"name": "route", "args": ARGUMENTS}}
            if words == "tool"
            else {"text": f"echo {words}"}
        )
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        usage = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}
        answer = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.0-flash"}
        if "stream" not in self.path:
            self.whole(200, answer)
            return
        self.begin("text/event-stream")
        self.event(answer)
        self.piece(b"")

    def whole(self, status, value, headers=None):
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin(self, kind):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def event(self, value):
        kind = f"event: {value['type']}\n" if "type" in value else ""
        self.piece(f"{kind}data: {json.dumps(value)}\n\n".encode())

    def delta(self, value):
        self.event({"type": "content_block_delta", "index": 0, "delta": value})

    def piece(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def wait_for_hanging_up(self):
        for _ in range(200):
            try:
                self.event({"type": "ping"})
            except OSError:
                self.server.hung_up.set()
                return
            time.sleep(0.05)
        self.close_connection = True

    def log_message(self, *_):
        pass


def last_words(body):
    if "contents" in body:
        return body["contents"][-1]["parts"][-1]["text"]
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]
