"""Adversarial 4: a client that asks again twenty times is one observation."""

from street import lively, words

from store.vocabulary import ObservationKind


async def test_a_retry_burst_of_twenty_duplicates_counts_once(tmp_path):
    async with lively(tmp_path) as (street, app):
        await app.ask(*words(10))
        street.tick()
        before = [o for o in street.observed() if o.kind == ObservationKind.PAIRED]
        for attempt in range(20):
            await app.ask("again", headers={"x-stainless-retry-count": str(attempt)})
        street.tick()
        await app.ask("again")
        street.controller = street.another()  # a restart forgets nothing
        street.tick()
        seen = street.observed()
        paired = [o for o in seen if o.kind == ObservationKind.PAIRED]
        assert len(paired) == len(before) + 1
        assert sum(o.kind == ObservationKind.VOID for o in seen) == 20
        assert street.replayed() == []
