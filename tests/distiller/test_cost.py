import subprocess
import sys

import pytest

from distiller.cost import price
from store.vocabulary import Usage


def test_tokens_cost_what_the_table_says():
    dollars = price(
        "gpt-4o-mini", Usage(prompt_tokens=1_000_000, completion_tokens=1_000_000, cached_tokens=0)
    )
    assert dollars == pytest.approx(0.15 + 0.60)


def test_cached_tokens_are_cheaper():
    usage = Usage(prompt_tokens=1_000_000, completion_tokens=0, cached_tokens=1_000_000)
    assert price("gpt-4o-mini", usage) == pytest.approx(0.075)


def test_unknown_is_not_free():
    assert price("no-such-model", Usage(prompt_tokens=1)) is None
    assert price("gpt-4o-mini", Usage()) is None
    assert price("sample_spec", Usage(prompt_tokens=1)) is None


def test_litellm_is_never_imported():
    code = (
        "import sys; from distiller.cost import price; from store.vocabulary import Usage;"
        "assert price('gpt-4o', Usage(prompt_tokens=1)); assert 'litellm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
