"""Fine-tuning services on loopback, as strict as their documentation: OpenAI's, Together's and Fireworks' paths.

Each job ends after `polls` looks. `trouble` names what goes wrong: `fail`, `hang`, `lose`, `busy` (a 500 for about every other
request), `mute` (a job is created and the answer never sent), `dear` (it bills 99 dollars).
"""

import json
import random
import threading
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-service"


class FakeService:
    def __init__(self, *, trouble="", polls=2):
        self.trouble, self.polls = trouble, polls
        self._draw = random.Random(3)
        self.files, self.jobs, self.requests = {}, {}, []
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self._do("GET")

            def do_POST(self):
                self._do("POST")

            def do_DELETE(self):
                self._do("DELETE")

            def _do(self, method):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, told = service.answer(method, self.path, self.headers, body)
                if status is None:
                    self.close_connection = True
                    return
                raw = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method, target, headers, body):
        path = target.partition("?")[0].removeprefix("/v1/")
        self.requests.append((method, path))
        if headers.get("authorization") != f"Bearer {KEY}":
            return 401, {"error": {"message": "Incorrect API key provided."}}
        if self.trouble == "busy" and self._draw.random() < 0.5:
            return 500, {"error": {"message": "The server had an error."}}
        try:
            return self._route(method, path, headers, body)
        except AssertionError as wrong:
            return 400, {"error": {"message": f"{wrong}"}}

    def _route(self, method, path, headers, body):  # noqa: PLR0911 - a router
        parts = path.split("/")
        if method == "POST" and path in ("files", "files/upload"):
            fields, rows = upload(headers, body)
            assert fields["purpose"] == "fine-tune", "purpose must be fine-tune"
            return 200, {"id": self._file(rows), "object": "file"}
        if method == "POST" and parts[0] == "accounts" and parts[2] == "datasets" and len(parts) == 3:
            name = f"accounts/{parts[1]}/datasets/{json.loads(body)['datasetId']}"
            if name in self.files:
                return 409, {"error": "already exists"}
            self.files[name] = None
            return 200, {"name": name}
        if method == "POST" and path.endswith(":upload"):
            assert path.removesuffix(":upload") in self.files, "no such dataset"
            self.files[path.removesuffix(":upload")] = checked(upload(headers, body)[1])
            return 200, {"filename": "train.jsonl"}
        if path in ("fine_tuning/jobs", "fine-tunes") or parts[-1] == "supervisedFineTuningJobs":
            return self._create(path, json.loads(body)) if method == "POST" else self._list(path)
        if parts[-1] == "cancel" and method == "POST":
            self.jobs["/".join(parts[:-1])]["state"] = "cancelled"
            return 200, {"id": parts[-2]}
        if method == "DELETE":
            self.jobs[path]["state"] = "cancelled"
            return 200, {}
        return self._look(path)

    def _file(self, rows):
        self.files[f"file-{len(self.files) + 1}"] = checked(rows)
        return f"file-{len(self.files)}"

    def _create(self, path, wish):
        train = wish.get("training_file") or wish.get("dataset")
        assert self.files.get(train), f"{train} is not a file of yours"
        number = len(self.jobs) + 1
        name = f"{path}/ftjob-{number}"
        self.jobs[name] = {"wish": wish, "looks": 0, "state": "running", "number": number}
        if self.trouble == "mute":
            self.trouble = ""
            return None, None
        return 200, self._told(path, name)

    def _list(self, path):
        told = [self._told(path, name) for name in self.jobs if name.startswith(path)]
        return 200, {"data": told, "supervisedFineTuningJobs": told}

    def _look(self, path):
        job = self.jobs.get(path)
        if job is None or self.trouble == "lose":
            return 404, {"error": {"message": "No such job."}}
        job["looks"] += 1
        if job["state"] == "running" and job["looks"] >= self.polls and self.trouble not in ("hang", "dear"):
            job["state"] = "failed" if self.trouble == "fail" else "succeeded"
        return 200, self._told(path.rpartition("/")[0], path)

    def _told(self, kind, name):
        job = self.jobs[name]
        wish, state = job["wish"], job["state"]
        tuned = (
            f"ft:{wish.get('model') or wish.get('baseModel')}:{wish.get('suffix') or wish.get('displayName')}"
        )
        ident = name.rpartition("/")[2]
        if kind.endswith("fine_tuning/jobs"):
            wrong = (
                {"code": "invalid", "message": "The rows were refused by our policy."}
                if state == "failed"
                else None
            )
            done = {"fine_tuned_model": tuned, "trained_tokens": 4321} if state == "succeeded" else {}
            return {
                "id": ident, "status": state, "user_provided_suffix": wish["suffix"], "metadata": wish["metadata"], "error": wrong, **done
            }  # fmt: skip
        if kind.endswith("fine-tunes"):
            events = [{"message": "The rows were refused by our policy."}] if state == "failed" else []
            price = 99e9 if self.trouble == "dear" else 2e9
            status = {"succeeded": "completed", "failed": "error"}.get(state, state)
            return {
                "id": ident,
                "status": status,
                "suffix": wish["suffix"],
                "model_output_name": tuned,
                "events": events,
                "total_price": price,
            }
        status = {"succeeded": "COMPLETED"}.get(state, state.upper())
        words = {"code": "INVALID", "message": "The rows were refused by our policy."}
        return {
            "name": name,
            "displayName": wish["displayName"],
            "state": f"JOB_STATE_{status}",
            "outputModel": tuned,
            "status": words,
        }


def upload(headers, body):
    """Read a multipart form: fields, and the bytes of `file`."""
    head = f"content-type: {headers['content-type']}\r\n\r\n".encode()
    fields, rows = {}, b""
    for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
        name = part.get_param("name", header="content-disposition")
        if name == "file":
            rows = part.get_payload(decode=True)
        else:
            fields[name] = part.get_payload(decode=True).decode().strip()
    return fields, rows


def checked(rows):
    """Refuse what no service trains on."""
    found = [json.loads(line) for line in rows.splitlines() if line.strip()]
    assert found, "the file is empty"
    assert all(row["messages"][-1]["role"] == "assistant" for row in found), (
        "the last message must be the assistant's"
    )
    return found
