"""OpenAI's `/v1/responses`.

A teacher's reasoning becomes `reasoning_content`; reasoning among a request's items is left out, as chat
has never carried it on. A student's reasoning is not shown: sent back in a later turn, the provider would
refuse an item that it does not know.
"""

from gateway.translate.responses.answer import answer
from gateway.translate.responses.completion import completion
from gateway.translate.responses.events import events
from gateway.translate.responses.request import request

__all__ = ["answer", "completion", "events", "request"]
