"""Anthropic's `/v1/messages`.

A teacher's thinking becomes `reasoning_content`; thinking among a request's blocks is left out, as chat has
never carried it on. A student's reasoning is not shown: nobody signed it, so a later turn could not send
it back.
"""

from gateway.translate.messages.answer import answer
from gateway.translate.messages.completion import completion
from gateway.translate.messages.events import events
from gateway.translate.messages.request import request

__all__ = ["answer", "completion", "events", "request"]
