"""A tiny OpenAI-compatible server for the tests: answers what it is told to. Honest HTTP on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class StandIn:
    """`answer(body) -> text, or an int for an HTTP status`."""

    def __init__(self, answer, port=0):
        self.bodies = []
        self.headers = []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self._send(200, {"status": "ok"})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                stand_in.bodies.append(body)
                stand_in.headers.append(dict(self.headers))
                said = answer(body)
                if isinstance(said, int):
                    self._send(said, {"error": {"message": "no"}})
                    return
                message = {"role": "assistant", "content": said}
                self._send(200, {"id": "x", "choices": [{"message": message, "finish_reason": "stop"}]})

            def _send(self, status, value):
                raw = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
