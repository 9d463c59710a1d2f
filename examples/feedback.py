"""Feedback on an answer: optional, one request. Needs Stillhouse in between.

export OPENAI_BASE_URL=http://127.0.0.1:4000/v1
"""

from __future__ import annotations

import openai


def main() -> None:
    """Ask, then tell Stillhouse what would have been right, by the completion's own id."""
    client = openai.OpenAI()
    completion = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[
            {"role": "system", "content": "Answer with one word: billing, technical or other."},
            {"role": "user", "content": "My invoice shows the wrong name."},
        ],
        extra_headers={"x-stillhouse-task": "support-topic"},  # names the task; otherwise it is found
    )
    client.post(
        "/feedback", cast_to=object, body={"id": completion.id, "score": 1.0, "correction": "billing"}
    )
    print(f"{completion.id}: {completion.choices[0].message.content}")


if __name__ == "__main__":
    main()
