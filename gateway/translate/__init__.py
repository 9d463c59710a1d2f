"""Wire formats said in chat completions, and back. Pure; knows no bytes, no connection and no route.

Each of `responses`, `messages` and `completions` has `request`, `completion`, `answer` and `events`
(`docs/wire.md`); what chat cannot say raises `Untranslatable`.
"""

from gateway.translate import completions, messages, responses
from gateway.translate.errors import Untranslatable

__all__ = ["Untranslatable", "completions", "messages", "responses"]
