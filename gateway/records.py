"""Writes what happened: one intent per call, exactly one attempt per exchange. Knows no ASGI and no disk.

An intent that the journal refuses refuses the call. An attempt that it refuses does not: by then there is
an answer, and the app's call comes before its record; the loss is counted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway import outcome as outcomes
from gateway.accounts import Accounts
from gateway.attempt import Exchange
from gateway.errors import feedback_lost, journal_closed, journal_full, journal_unsynced
from gateway.metrics import Metrics
from gateway.ports import Journal
from gateway.trace import UNDERSTOOD
from gateway.upstream.port import UpstreamError
from store.errors import JournalFull, StoreError
from store.vocabulary import Attempt, Call, Feedback, Outcome, Usage

log = logging.getLogger(__name__)


class Records:
    """The journal, the metrics and the accounts of one worker."""

    def __init__(self, journal: Journal, metrics: Metrics, saw: Callable[[Attempt], None]) -> None:
        """`saw` is told of every attempt that ended."""
        self._journal = journal
        self._saw = saw
        self.metrics = metrics
        self.accounts = Accounts()

    def intent(self, call: Call) -> None:
        """Journal a call before it is forwarded. Raises `Refusal` (503)."""
        self._kept(call)

    async def feedback(self, feedback: Feedback) -> None:
        """Journal feedback. Raises `Refusal` (503) also where it is lost: nothing else keeps it."""
        if not self._kept(feedback):
            raise feedback_lost()
        self.metrics.feedback.add()
        await self._synced()

    async def acknowledged(self, exchange: Exchange) -> None:
        """Wait until a recorded outcome is as safe as it must be before the app gets the last byte.

        Raises `Refusal` (503) where it is not, and the operator wants no such answer.
        """
        if exchange.unsynced:
            exchange.unsynced = False
            await self._synced()

    async def _synced(self) -> None:
        try:
            if not await self._journal.synced():
                self.metrics.unsynced.add()
        except JournalFull as error:
            log.warning("%s", error)
            raise journal_unsynced() from error

    @property
    def wait(self) -> bool:
        """Whether `acknowledged` may wait or refuse at all."""
        return self._journal.waits

    @contextmanager
    def exactly_one(self, exchange: Exchange, *, served: bool) -> Iterator[None]:
        """See to it that one attempt is recorded of the exchange, whatever happens inside."""
        try:
            yield
        finally:
            self.over(exchange, served=served)

    def over(self, exchange: Exchange, *, served: bool) -> None:
        """Let go of an exchange; what nobody has recorded by now is the gateway's failure."""
        self.close(exchange, Outcome.ERROR, served=served, error="The gateway failed.")
        self.accounts.let_go(exchange)

    def _kept(self, record: Call | Feedback) -> bool:
        try:
            kept = self._journal.append(record)
        except JournalFull as error:
            raise journal_full() from error
        except StoreError as error:
            log.warning("The journal takes no record: %s", error)
            raise journal_closed() from error
        if not kept:
            self.metrics.lost.add()
        return kept

    def settle(self, exchange: Exchange, *, served: bool = True) -> Outcome:
        """Record an answer that came to its end, once; give its outcome."""
        if exchange.recorded is not None:
            return exchange.recorded
        body = exchange.body()
        error = None
        kind = exchange.content_type
        judged = outcomes.judge(exchange.surface, kind, exchange.status, body, words=False)
        outcome = judged.outcome
        if exchange.truncated and exchange.surface in UNDERSTOOD:
            outcome, error = Outcome.ERROR, f"Only the first {len(body)} bytes of the answer were kept."
        elif outcome is Outcome.UPSTREAM_CUT:
            error = "The stream ended without its end mark."
        self._write(exchange, outcome=outcome, served=served, body=body, error=error)
        self._count_tokens(exchange, judged.answer.usage)
        return outcome

    def close(self, exchange: Exchange, outcome: Outcome, *, served: bool, error: str | None = None) -> None:
        """Record an exchange that ended otherwise, once."""
        if exchange.recorded is None:
            self._write(exchange, outcome=outcome, served=served, body=exchange.body(), error=error)

    def failed(self, exchange: Exchange, error: UpstreamError, *, served: bool) -> None:
        """Record an exchange that an upstream error ended, once."""
        self.close(exchange, outcomes.of_error(error), served=served, error=str(error))

    def _write(
        self, exchange: Exchange, *, outcome: Outcome, served: bool, body: bytes, error: str | None
    ) -> None:
        exchange.recorded = outcome
        self.accounts.recorded(exchange)
        attempt = exchange.attempt(outcome=outcome, served=served, body=body, error=error)
        try:
            exchange.unsynced = self._journal.append(attempt)
            if not exchange.unsynced:
                self.metrics.lost.add()
        except StoreError as failure:
            self.metrics.lost.add()
            log.warning("The attempt %s is lost to the log: %s", attempt.attempt_id, failure)
        self._saw(attempt)
        self._measure(exchange, attempt)

    def _measure(self, exchange: Exchange, attempt: Attempt) -> None:
        labels = (exchange.surface, exchange.upstream, exchange.call.model)
        failure = "" if attempt.outcome is Outcome.COMPLETE else attempt.outcome
        self.metrics.attempts.add(attempt.role, attempt.who, attempt.outcome)
        self.metrics.operation.observe(attempt.duration_ms / 1000, *labels, failure)
        if attempt.first_byte_ms is not None:
            self.metrics.first_token.observe(attempt.first_byte_ms / 1000, *labels)

    def _count_tokens(self, exchange: Exchange, usage: Usage) -> None:
        for kind, count in (("input", usage.prompt_tokens), ("output", usage.completion_tokens)):
            if count is not None:
                self.metrics.tokens.observe(
                    float(count), exchange.surface, exchange.upstream, exchange.call.model, kind
                )
