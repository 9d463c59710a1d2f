"""The channels that the settings ask for. Knows no notice."""

from __future__ import annotations

import time
from pathlib import Path

from stillhouse.errors import ConfigError
from stillhouse.notices.mail import Mail, Server
from stillhouse.notices.post import Channel, InLog
from stillhouse.notices.webhook import Webhook
from stillhouse.settings.upkeep import Notices


def channels(settings: Notices) -> list[Channel]:
    """Give them, the log always. Raises ConfigError for a secret that cannot be read."""
    found: list[Channel] = [InLog()]
    if (hook := settings.webhook) is not None:
        secret = _secret(hook.secret_file, "notices.webhook.secret_file")
        found.append(Webhook(hook.url, secret, timeout_s=hook.timeout_s, clock=time.time))
    if (mail := settings.email) is not None:
        server = Server(
            host=mail.host,
            port=mail.port,
            security=mail.security,
            user=mail.user,
            password=_secret(mail.password_file, "notices.email.password_file"),
            timeout_s=mail.timeout_s,
        )
        found.append(Mail(server, sender=mail.sender, receivers=mail.receivers))
    return found


def _secret(file: Path | None, setting: str) -> str | None:
    if file is None:
        return None
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{setting}: the file {file} cannot be read.") from error
    if not secret:
        raise ConfigError(f"{setting}: the file {file} is empty.")
    return secret
