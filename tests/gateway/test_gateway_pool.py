"""Which upstreams a call may go to, in which order, and what a worker learns of them."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.errors import Refusal
from gateway.order import Wanted, eligible, order
from gateway.pool import Pool
from gateway.settings import Kind, UpstreamSpec

MODELS = st.sampled_from(["gpt-4", "llama3", "o1"])


def spec(name: str, **given_: object) -> UpstreamSpec:
    version = {"api_version": "2024"} if given_.get("kind") is Kind.AZURE else {}
    return UpstreamSpec(**{**version, "name": name, "base_url": f"http://{name}/v1", **given_})  # type: ignore[arg-type]


SPECS = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from([Kind.OPENAI, Kind.ANTHROPIC, Kind.AZURE, Kind.LITELLM]),
            "models": st.sampled_from([("*",), ("gpt-*",), ("llama*", "o1")]),
            "priority": st.none() | st.integers(-1, 2),
            "weight": st.floats(0.1, 10),
            "api_key": st.none() | st.just("sk-house"),
        }
    ),
    min_size=1,
    max_size=5,
).map(lambda all_: tuple(spec(f"u{at}", **one) for at, one in enumerate(all_)))
WANTED = st.builds(
    Wanted,
    model=MODELS | st.just(""),
    surface=st.sampled_from(["chat", "responses", "opaque"]),
    anthropic=st.booleans(),
    unit=st.text(max_size=5),
    pinned=st.booleans(),
    own_key=st.booleans(),
)


def drawn(specs: tuple[UpstreamSpec, ...], wanted: Wanted, resting: set[str]) -> tuple[UpstreamSpec, ...]:
    try:
        return order(specs, wanted, resting)
    except Refusal:
        return ()


def place(specs: tuple[UpstreamSpec, ...], one: UpstreamSpec) -> int:
    return specs.index(one) if one.priority is None else one.priority


@given(SPECS, WANTED, st.sets(st.sampled_from([f"u{i}" for i in range(5)])))
def test_what_every_order_holds_to(specs, wanted, resting):
    got = drawn(specs, wanted, resting)
    assert len(set(got)) == len(got)
    if not got:
        return
    allowed = eligible(specs, wanted)
    assert set(got) <= set(allowed)
    assert got == order(specs, wanted, resting)
    if wanted.pinned:
        assert len(got) == 1
    least = min(place(specs, one) for one in allowed)
    keyless = [one for one in got if one.api_key is None]
    if wanted.own_key:  # shown to one upstream at most, and only of those that come first by configuration
        assert len(keyless) <= 1
        assert all(place(specs, one) == least for one in keyless)
    elif not wanted.pinned:
        assert set(got) == set(allowed)
    ranks = [(one.name in resting, place(specs, one)) for one in got]
    assert ranks == sorted(ranks)
    kinds = {one.kind for one in got}
    if wanted.anthropic:
        assert kinds == {Kind.ANTHROPIC if any(one.kind is Kind.ANTHROPIC for one in specs) else Kind.OPENAI}
    else:
        assert Kind.ANTHROPIC not in kinds
    assert wanted.surface == "chat" or Kind.LITELLM not in kinds


@given(SPECS, WANTED)
def test_a_call_that_is_pinned_has_the_same_upstream_whatever_its_unit_and_who_rests(specs, wanted):
    pinned = replace(wanted, pinned=True)
    other = replace(wanted, pinned=True, unit=wanted.unit + "other")
    assert drawn(specs, pinned, set()) == drawn(specs, other, {one.name for one in specs})


@given(
    SPECS,
    WANTED,
    st.sets(st.sampled_from([f"u{i}" for i in range(5)])),
    st.sampled_from([f"u{i}" for i in range(5)]),
)
def test_what_is_sealed_goes_to_its_maker_alone_however_that_fares(specs, wanted, resting, home):
    sealed = replace(wanted, maker_only=True, pinned=False)
    whole = drawn(specs, replace(sealed, maker_only=False), set())
    got = order(specs, sealed, resting, home) if whole else ()
    assert len(got) == min(1, len(whole))
    if home in {one.name for one in whole} and not wanted.own_key:
        assert got[0].name == home
    if whole:
        assert order(specs, sealed, resting) == whole[:1]


def test_what_is_sealed_goes_back_to_who_answered_in_place_of_the_first():
    specs = (spec("a", api_key="k"), spec("b", api_key="k"))
    pool = Pool(specs)
    wanted = Wanted(model="m", unit="u")
    pool.moved("u", specs[1])
    assert [one.name for one in pool.candidates(wanted)] == ["a", "b"]
    sealed = replace(wanted, maker_only=True)
    assert [one.name for one in pool.candidates(sealed)] == ["b"]
    assert [one.name for one in pool.candidates(replace(sealed, unit="v"))] == ["a"]
    for n in range(10_000):
        pool.moved(str(n), specs[1])
    assert [one.name for one in pool.candidates(sealed)] == ["a"]


def test_without_priorities_the_list_is_the_order():
    specs = (
        spec("a", models=("gpt-*", "o1"), api_key="k"),
        spec("b", models=("llama*",)),
        spec("c", api_key="k"),
    )
    names = [[one.name for one in order(specs, Wanted(model=m))] for m in ("gpt-4", "llama3", "o1")]
    assert names == [["a", "c"], ["b", "c"], ["a", "c"]]
    with pytest.raises(Refusal, match="'x' does not exist") as info:
        order(specs[:2], Wanted(model="x"))
    assert (info.value.status, info.value.code, info.value.headers()) == (
        404, "model_not_found", [(b"x-should-retry", b"false")],
    )  # fmt: skip


def test_equal_priorities_share_by_weight_and_a_conversation_stays():
    specs = (spec("a", priority=1, weight=3), spec("b", priority=1), spec("late", priority=2, weight=99))
    firsts = Counter(order(specs, Wanted(model="m", unit=f"c{i}"))[0].name for i in range(4000))
    assert set(firsts) == {"a", "b"}
    assert 0.72 < firsts["a"] / 4000 < 0.78
    assert len({order(specs, Wanted(model="m", unit="same")) for _ in range(5)}) == 1
    assert order(specs, Wanted(model="m", unit="same"))[-1].name == "late"


def test_an_upstream_that_only_speaks_anthropic_serves_no_other_call():
    only = (spec("c", kind=Kind.ANTHROPIC),)
    with pytest.raises(Refusal, match="speaks the API") as info:
        order(only, Wanted(model="gpt-4"))
    assert (info.value.status, info.value.code) == (404, "unknown_url")
    assert not Pool(only).contested(anthropic=False)
    assert order((spec("o"),), Wanted(model="claude", anthropic=True))[0].name == "o"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_after_failures_on_end_an_upstream_rests_and_one_success_ends_it(caplog):
    one, two = spec("a", cooldown_after=2, cooldown_s=5, api_key="k"), spec("b", api_key="k")
    clock = Clock()
    pool = Pool((one, two), clock=clock)

    def ends(*, well: bool | None) -> str:
        assert pool.take((one,)) is one
        pool.leave(one, well=well)
        return pool.candidates(Wanted(model="m"))[0].name

    assert [ends(well=w) for w in (False, True, False, None)] == ["a"] * 4  # never two on end
    assert ends(well=False) == "b"
    clock.now += 5.0
    assert pool.candidates(Wanted(model="m"))[0].name == "a"
    assert ends(well=False) == "b"  # it had its chance: the first failure after a rest is enough
    assert pool.candidates(Wanted(model="m"))[-1].name == "a"  # last, not never
    assert ends(well=True) == "a"
    said = "The upstream 'a' failed %d times on end; for 5 s others come before it."
    assert caplog.messages == [said % 2, said % 3]


@given(st.lists(st.sampled_from(["take", "leave"]), max_size=40), st.integers(1, 4))
def test_no_more_are_in_flight_than_may_be(steps, most):
    one = spec("a", concurrency=most)
    pool, taken = Pool((one,)), 0
    for step in steps:
        if step == "take":
            got = pool.take((one,))
            assert (got is one) == (taken < most)
            taken += got is one
        elif taken:
            pool.leave(one, well=True)
            taken -= 1


async def test_who_waits_gets_the_place_first_come_first_served():
    one, two = spec("a", concurrency=1), spec("b", concurrency=1)
    pool = Pool((one, two))
    assert [pool.take((one, two)), pool.take((one, two)), pool.take((one, two))] == [one, two, None]
    first = asyncio.create_task(pool.wait((one, two), 30))
    second = asyncio.create_task(pool.wait((one,), 30))
    await asyncio.sleep(0)
    pool.leave(one, well=True)
    assert await first is one
    assert pool.take((one,)) is None  # handed over, not free for whoever comes now
    pool.leave(two, well=True)
    assert not second.done()
    pool.leave(one, well=True)
    assert await second is one
    assert await pool.wait((one,), 0.001) is None


async def test_a_place_that_comes_as_its_waiter_is_cancelled_is_not_lost():
    one = spec("a", concurrency=1)
    pool = Pool((one,))
    pool.take((one,))
    gone = asyncio.create_task(pool.wait((one,), 30))
    heir = asyncio.create_task(pool.wait((one,), 30))
    await asyncio.sleep(0)
    pool.leave(one, well=True)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await heir is one
    pool.leave(one, well=True)
    assert pool.take((one,)) is one
