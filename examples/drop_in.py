"""An app that uses the openai SDK. Nothing in it knows of Stillhouse: run it with and without

export OPENAI_BASE_URL=http://127.0.0.1:4000/v1
"""

from __future__ import annotations

import openai

INSTRUCTIONS = "Classify the customer's message. Answer with one word: billing, technical or other."
MESSAGES = (
    "I was charged twice this month.",
    "The app crashes when I open settings.",
    "Do you ship to Malta?",
)


def main() -> None:
    """Ask for three labels, then say which one was right."""
    client = openai.OpenAI()  # OPENAI_API_KEY and OPENAI_BASE_URL come from the environment
    for message in MESSAGES:
        completion = client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": message}],
        )
        print(f"{message:45} {completion.choices[0].message.content}")


if __name__ == "__main__":
    main()
