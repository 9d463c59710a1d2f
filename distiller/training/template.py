"""Messages to text and back: plain ChatML, the same in the trainer, in the GGUF and in the server.

No system prompt is injected. Tools stand in the system turn and calls in `<tool_call>` lines, one JSON
object each, as `docs/student.md` shows. Knows no model and no row file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

END = "<|im_end|>"

# Jinja, rendered by transformers when training and by llama.cpp when serving: only what both know.
CHATML = """\
{%- macro text(content) -%}
{%- if content is string -%}{{- content -}}
{%- elif content is not none and content is defined -%}
{%- for part in content -%}{%- if part.type == 'text' -%}{{- part.text -}}{%- endif -%}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{%- set first = 0 -%}
{%- if tools -%}
{{- '<|im_start|>system\\n' -}}
{%- if messages and messages[0].role in ['system', 'developer'] -%}
{%- set first = 1 -%}{{- text(messages[0].content) + '\\n\\n' -}}
{%- endif -%}
{{- '# Tools\\n<tools>\\n' -}}
{%- for tool in tools -%}{{- tool | tojson -}}{{- '\\n' -}}{%- endfor -%}
{{- '</tools>\\nTo call a function, answer with one line for each call:\\n' -}}
{{- '<tool_call>\\n{"name": <name>, "arguments": <object>}\\n</tool_call><|im_end|>\\n' -}}
{%- endif -%}
{%- for message in messages[first:] -%}
{%- if message.role == 'tool' -%}
{{- '<|im_start|>user\\n<tool_response>\\n' + text(message.content) + '\\n</tool_response><|im_end|>\\n' -}}
{%- elif message.role == 'developer' -%}
{{- '<|im_start|>system\\n' + text(message.content) + '<|im_end|>\\n' -}}
{%- else -%}
{{- '<|im_start|>' + message.role + '\\n' + text(message.content) -}}
{%- if message.tool_calls -%}
{%- for call in message.tool_calls -%}
{%- if message.content or not loop.first -%}{{- '\\n' -}}{%- endif -%}
{{- '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' -}}
{%- if call.function.arguments is string -%}{{- call.function.arguments -}}
{%- else -%}{{- call.function.arguments | tojson -}}{%- endif -%}
{{- '}\\n</tool_call>' -}}
{%- endfor -%}
{%- endif -%}
{{- '<|im_end|>\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""

_CALL = re.compile(r"\n?<tool_call>\n(.*?)\n</tool_call>", re.DOTALL)


def speak_chatml(tokenizer: Any) -> Any:
    """Give a tokenizer that knows ChatML's markers our template; any other keeps its own. Returns it.

    Raises ValueError when it has neither.
    """
    if isinstance(tokenizer.convert_tokens_to_ids(END), int) and END in tokenizer.get_vocab():
        tokenizer.chat_template = CHATML
        tokenizer.eos_token = END
    elif not tokenizer.chat_template:
        raise ValueError(
            "the base model has neither ChatML markers nor a chat template: name an instruct model"
        )
    return tokenizer


def render(
    tokenizer: Any, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None = None
) -> str:
    """Render the prompt of a request, up to and including the opening of the assistant's turn."""
    rendered = tokenizer.apply_chat_template(
        [dict(m) for m in messages],
        tools=plain_tools(tools),
        tokenize=False,
        add_generation_prompt=True,
    )
    return str(rendered)


def plain_tools(tools: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]] | None:
    """Return tools as the local server hands them to the template: name, description and parameters only."""
    functions = [t["function"] for t in tools or ()]
    return [
        {
            "type": "function",
            "function": {
                "name": f["name"],
                "description": f.get("description", ""),
                "parameters": f.get("parameters", {}),
            },
        }
        for f in functions
    ] or None


def render_answer(tokenizer: Any, row: Mapping[str, Any]) -> tuple[str, str]:
    """Prompt and answer text of one chat row: `messages` (the last one is the answer) and maybe `tools`.

    The answer ends with the end-of-turn marker. Raises ValueError when the template rewrites the prompt
    once the answer is known, because then it could not be trained on.
    """
    messages, tools = list(row["messages"]), row.get("tools")
    prompt = render(tokenizer, messages[:-1], tools)
    whole = tokenizer.apply_chat_template(messages, tools=plain_tools(tools), tokenize=False)
    if not whole.startswith(prompt):
        raise ValueError("the chat template renders the prompt differently once the answer is known")
    return prompt, whole[len(prompt) :].rstrip("\n")


def read_answer(text: str) -> dict[str, Any]:
    """Return the assistant message that a generated text stands for; calls that cannot be read stay text."""
    calls = [_call(i, m.group(1)) for i, m in enumerate(_CALL.finditer(text))]
    if not calls or any(c is None for c in calls):
        return {"role": "assistant", "content": text}
    rest = _CALL.sub("", text)
    return {"role": "assistant", "content": rest or None, "tool_calls": calls}


def _call(index: int, text: str) -> dict[str, Any] | None:
    try:
        data = json.loads(text)
        function = {"name": data["name"], "arguments": json.dumps(data["arguments"], ensure_ascii=False)}
    except (ValueError, KeyError, TypeError):
        return None
    return {"id": f"call_{index}", "type": "function", "function": function}
