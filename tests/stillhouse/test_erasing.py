"""Erasures beside a house at work: what is asked, what is waited for, what goes wrong."""

import asyncio
import time
from contextlib import closing

import pytest
from erasurekit import MARK, OTHER, SUBJECT, bytes_with, fill

from stillhouse import house
from stillhouse.erasure import Erasing, Wish
from stillhouse.erasure import ticket as tickets
from stillhouse.errors import Refused
from stillhouse.grants import Grants
from stillhouse.prices import PriceBook
from stillhouse.settings.tree import Settings
from stillhouse.views.stores import Stores
from store.control import Control
from store.ids import new_id
from store.journal import segment
from store.journal.writer import SegmentWriter
from store.log import Log
from store.vocabulary import Attempt, Call, Choice, Outcome, Pairing, Role, Tally, Who


@pytest.fixture
def planted(tmp_path):
    return fill(tmp_path / "data", calls=9)


@pytest.fixture
def parts(planted):
    folder = planted.folder
    with closing(Log.open(folder.log)) as log, closing(Control.open(folder.control)) as control:
        stores = Stores(
            log=log, control=control, folder=folder, settings=Settings(data=folder.root), live=True
        )
        built = house.build(
            stores,
            epoch=control.take_epoch("test"),
            grants=Grants(lambda: 0.0),
            prices=PriceBook.of(stores.settings, folder.prices),
            inner_url="http://127.0.0.1:9/v1",
        )
        yield built, control
        built.ingester.close()


@pytest.mark.parametrize(
    "wish",
    [
        Wish(),
        Wish(user=""),
        Wish(user="ann", call="c"),
        Wish(call="01a204f4-1101-7800"),
        Wish(call="chatcmpl-5146cbf82df4969489825cf6e6a26f5d"),
        Wish(user="ann", also=("short",)),
    ],
)
def test_a_wish_that_names_nobody_or_two_is_refused(parts, planted, wish):
    built, control = parts
    with pytest.raises(Refused):
        built.erasing.ask(wish)
    assert control.erasures() == []
    assert not planted.folder.erasing.exists()


async def test_it_waits_for_the_journal_and_names_the_subject_nowhere_else(parts, planted):
    built, control = parts
    folder = planted.folder
    first = SegmentWriter(folder.journal, "w1")
    empty = SegmentWriter(folder.journal, "w2")
    first.append(Tally(tally_id="0198c0de-0000-7000-8000-000000000001", ts=1.0, writer="w1"))
    before = bytes_with(folder.root / "journal", SUBJECT)
    asked = built.erasing.ask(Wish(user=SUBJECT, also=(MARK,)))
    assert asked.subject not in ("", SUBJECT)
    assert bytes_with(folder.root, SUBJECT).count(f"erasing/{asked.erasure_id}.json") == 1
    await built.erasing.step()
    assert control.erasure(asked.erasure_id).phase == "drain"
    with pytest.raises(Refused, match="under way"):
        async with built.erasing.none():
            pytest.fail("a backup began")
    first.close()
    while built.ingester.step():
        pass
    await built.erasing.step()
    ended = control.erasure(asked.erasure_id)
    assert ended.phase == "done", ended.report
    assert before
    assert bytes_with(folder.root, SUBJECT, MARK) == []
    async with built.erasing.none():
        pass
    empty.close()


async def test_it_waits_for_answers_that_are_on_their_way(parts, planted):
    """An answer that comes after its call is gone would stay."""
    built, control = parts
    journal, now = planted.folder.journal, time.time()
    writer = SegmentWriter(journal, "w1", roll_s=0.01)  # it lives on: nobody waits for a dead one's answers
    choice = Choice(who=Who.TEACHER, reason="shadow", pairing=Pairing.SHADOW)
    of = {"ts": now, "model": "m", "user": SUBJECT, "body": b"{}"}
    drawn, plain = (Call(call_id=new_id(), choice=c, **of) for c in (choice, Choice()))
    for call in (drawn, plain):
        writer.append(call)
    writer.append(answer(drawn, Role.SERVE, Who.TEACHER))
    built.ingester.step()
    held, asked = set(segment.names(journal)), built.erasing.ask(Wish(user=SUBJECT))
    writer.append(answer(plain, Role.SERVE, Who.TEACHER))
    for left in (True, False):
        deadline = time.monotonic() + 10
        while built.ingester.step() or held.intersection(segment.names(journal)):
            assert time.monotonic() < deadline
        await built.erasing.step()
        assert (control.erasure(asked.erasure_id).phase == "drain") is left
        writer.append(answer(drawn, Role.SHADOW, Who.STUDENT))
    writer.close()
    assert control.erasure(asked.erasure_id).report["log"]["attempts"] == 3 + 3


def answer(call, role, who):
    return Attempt(
        attempt_id=new_id(), call_id=call.call_id, ts=call.ts + 1, role=role, who=who, served=role is Role.SERVE,
        model="m", upstream="u", outcome=Outcome.COMPLETE, status=200, started=call.ts, body=b"{}",
    )  # fmt: skip


async def test_a_subject_that_is_not_known_any_more_is_said(parts, planted):
    built, control = parts
    asked = built.erasing.ask(Wish(user=SUBJECT))
    tickets.drop(planted.folder, asked.erasure_id)
    await built.erasing.step()
    ended = control.erasure(asked.erasure_id)
    assert (ended.phase, "ask again" in ended.report["sentence"]) == ("incomplete", True)


async def test_what_fails_is_told_and_tried_again(parts, planted):
    built, control = parts
    card = planted.folder.artifacts / "trainsets" / planted.trainset_id / "card.json"
    card.parent.chmod(0o700)
    card.rename(card.with_name("hidden"))
    asked = built.erasing.ask(Wish(user=SUBJECT, also=(MARK,)))
    with pytest.raises(FileNotFoundError):
        await built.erasing.step()
    known = control.erasure(asked.erasure_id)
    assert known.report["failed"] == {"phase": "artifacts", "error": "FileNotFoundError"}
    assert known.finished is None
    card.with_name("hidden").rename(card)
    await built.erasing.step()
    ended = control.erasure(asked.erasure_id)
    assert ended.phase == "done", ended.report
    assert "failed" not in ended.report


async def test_no_score_is_made_meanwhile(parts):
    built, _ = parts
    async with built.quiet.kept():
        scoring = asyncio.create_task(built.quiet.score())
        await asyncio.sleep(0.05)
        assert not scoring.done()
    await scoring


def test_files_of_no_pending_erasure_are_swept(parts, planted):
    built, control = parts
    folder = planted.folder
    asked = built.erasing.ask(Wish(user=OTHER))
    kept = folder.erasing / f"{asked.erasure_id}.json"
    for name in ("0198.json", f"{asked.erasure_id}.part"):
        (folder.erasing / name).write_text("{}")
    Erasing(built.erasing._scene, built.quiet)
    assert list(folder.erasing.iterdir()) == [kept]
    assert tickets.load(folder, asked.erasure_id).value == OTHER
    assert control.erasures(pending=True)[0].tenant is None
