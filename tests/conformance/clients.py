"""The clients that are driven: each a scenario program, and the packages that it runs with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .cache import Environment

PROGRAMS = Path(__file__).parent / "programs"

NODE = "node@22"  # what the newest of them need, whatever is installed


@dataclass(frozen=True, kw_only=True)
class Client:
    """One client of one version."""

    name: str
    package: str  # whose version is shown
    program: str
    environment: Environment
    with_version: bool = True  # its base URL ends in /v1


def _pip(name: str, package: str, program: str, *packages: str, with_version: bool = True) -> Client:
    environment = Environment(packages=packages or (package,))
    return Client(
        name=name, package=package, program=program, environment=environment, with_version=with_version
    )


def _npm(name: str, package: str, program: str, *packages: str) -> Client:
    return Client(
        name=name, package=package, program=program, environment=Environment(packages=packages, node=True)
    )


CLIENTS = (
    _pip("openai-python 2", "openai", "with_openai.py", "openai>=2,<3"),
    _pip("openai-python 3", "openai", "with_openai.py", "openai>=3,<4"),
    _npm("openai-node 6", "openai", "with_openai_node.mjs", "openai@6"),
    _npm("openai-node 7", "openai", "with_openai_node.mjs", "openai@7", NODE),
    _npm("Vercel AI SDK 6", "ai", "with_ai_sdk.mjs", "ai@6", "@ai-sdk/openai@3", "zod@4"),
    _npm("Vercel AI SDK 7", "ai", "with_ai_sdk.mjs", "ai@7", "@ai-sdk/openai@4", "zod@4", NODE),
    _pip("LangChain", "langchain-openai", "with_langchain.py"),
    _pip("instructor", "instructor", "with_instructor.py"),
    _pip("Pydantic AI", "pydantic-ai-slim", "with_pydantic_ai.py", "pydantic-ai-slim[openai]"),
    _pip("OpenAI Agents SDK", "openai-agents", "with_agents.py"),
    _pip("llm", "llm", "with_llm.py"),
    _pip("DSPy", "dspy", "with_dspy.py", "dspy", "numpy"),
    _pip("Anthropic SDK", "anthropic", "with_anthropic.py", with_version=False),
)
