"""Adversarial 10: two replicas of control before two gateways, one pair cut off."""

import pytest
from street import Journal, gateway, lively, words

from router.evidence import Evidence, merge, update
from router.feed import RouteFeed
from store.errors import StaleEpoch
from store.journal.writer import SegmentWriter
from store.vocabulary import Who


class Cut:
    """The control state behind a network that may be cut."""

    def __init__(self, control):
        self._control, self.cut = control, False

    def __getattr__(self, name):
        if self.cut:
            raise OSError("the network is cut")
        return getattr(self._control, name)


async def test_one_epoch_wins_a_stale_gateway_serves_the_teacher_and_counts_merge(tmp_path):
    async with lively(tmp_path) as (street, app):
        street.force()
        far = Cut(street.control)
        feed = RouteFeed(far, tmp_path / "STOP", street.clock, stop_check_s=0.0)
        feed.refresh()
        journal = Journal(SegmentWriter(street.folder.journal, "worker-1"))
        async with gateway(street, street.teacher_url, feed, journal) as other:
            talks = street.conversations()
            app.talks = other.talks = talks
            await app.ask_student(*words(3))
            await other.ask("hello")  # its teacher accepts the key, too
            await other.ask_student(*words(3, start=10))
            assert {c.choice.who for c in journal.records if hasattr(c, "choice")} == {
                Who.TEACHER,
                Who.STUDENT,
            }

            far.cut = True
            cut_off, street.epoch = street.controller, street.control.take_epoch("another replica")
            street.controller = street.another()
            for _ in range(7):
                street.tick(10.0)
                feed.refresh()
            with pytest.raises(StaleEpoch):
                cut_off.tick()
            asked = len(journal.records)
            await other.ask_student(*words(3, start=20))
            await app.ask_student(*words(3, start=30))
            street.tick()
            choices = [c.choice for c in journal.records[asked:] if hasattr(c, "choice")]
            assert {(c.who, c.reason) for c in choices} == {(Who.TEACHER, "stale_routes")}
            assert street.route.epoch == street.epoch
        journal.writer.close()
        seen = street.control.observations(street.rollout.rollout_id)
        parts = [
            update(Evidence(delta=0.05), [o for o in seen if o.seq % 2 == half]).cells for half in (0, 1)
        ]
        assert merge(*parts) == update(Evidence(delta=0.05), seen).cells
        assert street.replayed() == []
