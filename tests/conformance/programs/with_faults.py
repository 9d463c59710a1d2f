"""What the openai SDK makes of a provider that fails: each fault, asked for whole and streamed."""

import sys

from openai import OpenAI
from scenarios import ASK, BASE, KEY, failing, run

PATIENT = 4  # retries of the faults that pass
TIMEOUT_S = 2.0


def asked(fault, streamed):
    retries = PATIENT if fault.startswith(("twice", "storm")) else 0
    client = OpenAI(api_key=KEY, base_url=BASE, timeout=TIMEOUT_S, max_retries=retries)

    def scenario():
        with client:
            answer = client.chat.completions.create(model=failing(fault), messages=ASK, stream=streamed)
            if streamed:
                return "".join(c.choices[0].delta.content or "" for c in answer if c.choices)
            return answer if isinstance(answer, str) else answer.choices and answer.choices[0].message.content

    scenario.__name__ = f"{fault} {'streamed' if streamed else 'whole'}"
    return scenario


run(*(asked(fault, streamed) for fault in sys.argv[2:] for streamed in (False, True)))
