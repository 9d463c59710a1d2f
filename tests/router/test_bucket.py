import hashlib

from hypothesis import given
from hypothesis import strategies as st

from router import bucket

texts = st.text(max_size=20)


@given(texts, texts, texts)
def test_a_position_is_a_fixed_number_below_one(salt, task, unit):
    u = bucket.position(salt, task, unit)
    assert 0.0 <= u < 1.0
    assert u == bucket.position(salt, task, unit)


@given(st.sampled_from([0.01, 0.05, 0.25, 0.5]), st.sampled_from([0.05, 0.25, 0.5, 0.98]), texts)
def test_a_growing_share_keeps_all_whom_it_had(small, large, unit):
    small, large = min(small, large), max(small, large)
    u = bucket.position("salt", "task", unit)
    assert not u < small or u < large


def test_positions_and_draws_are_uniform_and_independent():
    n = 20_000
    u = [bucket.position("salt", "task", str(i)) for i in range(n)]
    v = [bucket.draw("salt", str(i)) for i in range(n)]
    for sample in (u, v):
        counts = [sum(int(x * 10) == k for x in sample) for k in range(10)]
        assert sum((c - n / 10) ** 2 / (n / 10) for c in counts) < 33.7  # chi-squared, 9 df: 1 in 10,000
    both = sum(x < 0.5 and y < 0.5 for x, y in zip(u, v, strict=True))
    assert abs(both / n - 0.25) < 0.0125


def test_parts_do_not_run_into_one_another():
    assert bucket.position("a", "bc", "d") != bucket.position("ab", "c", "d")
    assert bucket.draw("a", "bc") != bucket.position("a", "b", "c")


def test_the_formula_is_the_documented_one():
    data = b"".join(len(p).to_bytes(8, "big") + p for p in (b"assign", b"s", b"t", b"u"))
    exact = int.from_bytes(hashlib.sha256(data).digest(), "big") / 2**256
    assert abs(bucket.position("s", "t", "u") - exact) < 2**-52
