"""A provider that speaks OpenAI's API and Anthropic's, says the same to the same request, and fails on demand.

Knows no gateway and no client.
"""

from .http import Seen
from .server import Mock

__all__ = ["Mock", "Seen"]
