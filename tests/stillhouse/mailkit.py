"""A small strict SMTP server on a thread: it takes letters as RFC 5321 has it, and refuses what is out of order."""

import base64
import email
import email.policy
import socketserver
import ssl
import threading
from contextlib import contextmanager


class Mailbox(socketserver.ThreadingTCPServer):
    """Keeps the letters that it took, with whether they came encrypted and who logged in."""

    allow_reuse_address = True
    daemon_threads = False

    def __init__(self, *, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None):
        super().__init__(("127.0.0.1", 0), Talk)
        self.tls, self.login = tls, login
        self.letters, self.refuse = [], set()

    @property
    def port(self):
        return self.server_address[1]


class Talk(socketserver.StreamRequestHandler):
    """One connection."""

    timeout = 10

    def handle(self):
        self.encrypted, self.user = False, None
        self.sender, self.receivers = None, []
        self._say(220, "mailbox")
        while line := self.rfile.readline(2000):
            assert line.endswith(b"\r\n"), "a line ends with CRLF"
            verb, _, rest = line.decode().strip().partition(" ")
            answer = getattr(self, f"on_{verb.lower()}", None)
            if answer is None:
                self._say(502, "not implemented")
            elif answer(rest) == "end":
                return

    def finish(self):
        super().finish()
        if self.encrypted:
            self.request.close()  # the server knows only the socket that it took

    def on_ehlo(self, _):
        offers = ["mailbox", *(["STARTTLS"] if self.server.tls and not self.encrypted else [])]
        offers += ["AUTH PLAIN"] if self.server.login and self.encrypted else []
        for offer in offers[:-1]:
            self.wfile.write(f"250-{offer}\r\n".encode())
        self._say(250, offers[-1])

    def on_starttls(self, _):
        if self.server.tls is None or self.encrypted:
            return self._say(503, "not now")
        self._say(220, "go ahead")
        try:
            self.request = self.server.tls.wrap_socket(self.connection, server_side=True)
        except (ssl.SSLError, OSError):
            return "end"
        self.rfile.close()
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)
        self.connection, self.encrypted = self.request, True
        return None

    def on_auth(self, rest):
        assert self.encrypted, "a password in the clear"
        _, user, password = base64.b64decode(rest.removeprefix("PLAIN ")).decode().split("\0")
        if (user, password) != self.server.login:
            return self._say(535, "no")
        self.user = user
        return self._say(235, "welcome")

    def on_mail(self, rest):
        if self.server.login and self.user is None:
            return self._say(530, "log in first")
        self.sender = rest.split("<")[1].split(">")[0]
        return self._say(250, "fine")

    def on_rcpt(self, rest):
        if self.sender is None:
            return self._say(503, "from whom")
        receiver = rest.split("<")[1].split(">")[0]
        if receiver in self.server.refuse:
            return self._say(550, "nobody here")
        self.receivers.append(receiver)
        return self._say(250, "fine")

    def on_data(self, _):
        if not self.receivers:
            return self._say(503, "to whom")
        self._say(354, "go on")
        lines = []
        while (line := self.rfile.readline(2000)) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        self.server.letters.append((self.sender, tuple(self.receivers), message, self.encrypted, self.user))
        return self._say(250, "kept")

    def on_rset(self, _):
        self.sender, self.receivers = None, []
        return self._say(250, "fine")

    def on_quit(self, _):
        self._say(221, "bye")
        return "end"

    def _say(self, code, text):
        self.wfile.write(f"{code} {text}\r\n".encode())


@contextmanager
def serving(server):
    """Run a server on a thread until the block ends."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
