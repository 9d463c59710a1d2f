"""The settings of what a house keeps and tells: journal, log, retention, prices, notices. Knows no file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from stillhouse.settings.kinds import Branch, Name, Positive, Real, Seconds, Usd, Whole

LEAST_JOURNAL = 256 << 10  # bytes
_SIZE = r"^\d+(\.\d+)?\s?([KMGT]i?)?B$"
NoticeKind = Literal["promotion", "hold", "rollback", "drift", "refusal", "slice"]
Address = Annotated[str, Field(pattern=r"^[^@\s,<>\x00-\x1f]+@[^@\s,<>\x00-\x1f]+$", max_length=254)]


def _roomy(size: int) -> int:
    if size < LEAST_JOURNAL:
        raise ValueError(
            f"{size} bytes are too few: the outcomes of calls under way have the last eighth to themselves; "
            f"give {LEAST_JOURNAL} at least"
        )
    return size


class Webhook(Branch):
    """Who is posted notices."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
    secret_file: Path | None = None  # signs them; None: unsigned
    timeout_s: Seconds = 10.0


class Email(Branch):
    """Who is mailed notices, and by which server."""

    host: Name
    port: Annotated[Whole, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: Name | None = None
    password_file: Path | None = None
    sender: Address
    receivers: Annotated[tuple[Address, ...], Field(min_length=1, max_length=50)]
    timeout_s: Seconds = 20.0

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Email:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file belong together")
        if self.security == "none" and self.user is not None:
            raise ValueError("a password is not sent in the clear; give security: starttls or tls")
        return self


class Notices(Branch):
    """What people are told of rollouts, beside the log."""

    kinds: tuple[NoticeKind, ...] = ("promotion", "hold", "rollback", "drift", "refusal", "slice")
    webhook: Webhook | None = None
    email: Email | None = None


class Retention(Branch):
    """How long bodies of calls are kept; None is for ever."""

    days: Annotated[Real, Field(gt=0)] | None = None


class Journal(Branch):
    """The records that are not yet in the log. Sizes are bytes."""

    max_bytes: Annotated[Whole, AfterValidator(_roomy)] | None = None
    on_full: Literal["serve", "refuse"] | None = None
    segment_bytes: Positive | None = None
    sync_interval_s: Seconds | None = None
    durability: Literal["group-sync", "reply-after-sync"] | None = None
    max_unsynced: Positive | None = None
    roll_s: Seconds | None = None
    tally_s: Seconds | None = None


class Log(Branch):
    """DuckDB's memory for the log, and when its write-ahead log is folded in. Sizes as DuckDB reads them."""

    memory: Annotated[str, Field(pattern=_SIZE)] = "1GB"
    checkpoint: Annotated[str, Field(pattern=_SIZE)] = "128MB"


class Price(Branch):
    """What a model's tokens cost, in US dollars for a million, or which model of the table it costs as much as."""

    like: Name | None = None
    input: Usd | None = None
    output: Usd | None = None
    cached: Usd | None = None  # of the prompt, read from the provider's cache; None: as input
    cache_write: Usd | None = None  # of the prompt, written to it; None: as input
    cache_write_1h: Usd | None = None  # for an hour; None: as cache_write

    @model_validator(mode="after")
    def _one_way(self) -> Price:
        named = self.given().keys() - {"like"}
        if self.like is not None and named:
            raise ValueError("give like, or prices, not both")
        if self.like is None and self.input is None:
            raise ValueError("give like, or input and output")
        return self
