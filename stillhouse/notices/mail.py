"""Notices by e-mail, through a server of the user's. Knows no retry.

Blocking, in a thread: a slow server delays only the next e-mail. With `starttls` or `tls` nothing, not
even a name, is said in the clear to a server that does not encrypt or cannot prove who it is.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from stillhouse.errors import Undelivered
from stillhouse.notices.notice import Notice


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where e-mail is handed in."""

    host: str
    port: int
    security: str = "starttls"  # or "tls" from the first byte, or "none"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_s: float = 20.0


class Mail:
    """One letter for each notice, to all receivers at once."""

    name = "email"

    def __init__(self, server: Server, *, sender: str, receivers: tuple[str, ...]) -> None:
        self._server = server
        self._sender = sender
        self._receivers = receivers

    async def send(self, notice: Notice) -> None:
        """Hand a letter in; it is delivered when the server took it for every receiver. Raises Undelivered."""
        await asyncio.to_thread(self._hand_in, letter(notice, self._sender, self._receivers))

    async def aclose(self) -> None:
        """There is nothing to close: each letter has a connection of its own."""

    def _hand_in(self, message: EmailMessage) -> None:
        server = self._server
        try:
            with _connected(server) as connection:
                if server.user is not None:
                    connection.login(server.user, server.password or "")
                refused = connection.send_message(message)
        except (OSError, smtplib.SMTPException) as error:  # an SSLError is an OSError
            raise Undelivered(f"{type(error).__name__}: {error}") from error
        if refused:
            raise Undelivered(f"the server refused {', '.join(sorted(refused))}")


def letter(notice: Notice, sender: str, receivers: tuple[str, ...]) -> EmailMessage:
    """Give the letter of a notice. Its Message-ID is the notice's: a mailbox may drop what comes twice."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        sender,
        ", ".join(receivers),
        f"[Stillhouse] {notice.title}",
    )
    message["Date"] = format_datetime(datetime.fromtimestamp(notice.ts, UTC))
    message["Message-ID"] = f"<{notice.notice_id}@stillhouse>"
    message["X-Stillhouse-Notice"] = notice.notice_id
    message.set_content(
        f"{notice.text}\n\n{notice.source} -> {notice.target} ({notice.cause}, by {notice.actor}). The student answers "
        f"{100 * notice.share:g}% of calls from now on.\n\nThe whole story: stillhouse explain {notice.task_id}\n"
    )
    return message


def _connected(server: Server) -> smtplib.SMTP:
    if server.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout_s, context=context)
    connection = smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)
    if server.security == "starttls":
        try:
            connection.starttls(context=ssl.create_default_context())
        except BaseException:
            connection.close()
            raise
    return connection
