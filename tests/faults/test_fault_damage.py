"""Damaged segments: what is damaged is counted, all the rest is loaded exactly, and nothing crashes."""

from collections import Counter

from faultapps import Apps
from faultbooks import Books
from housekit import until

from store.journal import frame
from store.journal.segment import names
from store.vocabulary import Attempt, Call, Outcome

LEAST = 8  # frames in each segment


def test_a_torn_end_and_flipped_bits_cost_only_the_frames_that_they_hit(house, upstream, cases):
    """Three workers, three kinds of damage, one start."""
    house.set(gateway={"workers": 3})
    house.start()
    apps = Apps(house.base_url)
    with house.frozen("control"):
        until(lambda: ask(apps, cases) and filled(house), "three filled segments")
        house.kill_9_all()
    damages = (torn, flipped_in_the_last, flipped_in_the_middle)
    sound = {path: frames(path) for path in sorted(house.journal.glob("*.seg"))}
    hit = [
        sound[path].pop(damage(path, sound[path]))
        for path, damage in zip(newest(house), damages, strict=True)
    ]
    kept = [one.record() for path in sound for one in sound[path]]

    house.start()
    apps.through(cases.several(3))
    house.emptied()
    books = Books(house)
    calls = {record.call_id for record in kept if isinstance(record, Call)}
    answered = {record.call_id for record in kept if isinstance(record, Attempt)}
    loaded = {entry.call_id: entry for entry in books.entries}
    assert books.totals.corrupt_frames == len(damages)
    assert len(loaded) == len(books.entries) == len(calls) + 3
    assert calls <= set(loaded)
    assert Counter(loaded[call].outcome for call in calls) == {
        Outcome.COMPLETE: len(calls & answered),
        Outcome.LOST: len(calls - answered),
    }
    assert books.totals.attempts == len(calls | answered) + 3
    assert calls - answered <= {getattr(one.record(), "call_id", None) for one in hit}
    books.say_what_the_upstream_said(upstream)


def torn(path, sound):
    """Cut the file in the middle of its last frame."""
    path.write_bytes(path.read_bytes()[: -len(sound[-1].raw) // 2])
    return -1


def flipped_in_the_last(path, sound):
    flip(path, path.stat().st_size - len(sound[-1].raw) // 2)
    return -1


def flipped_in_the_middle(path, sound):
    index = len(sound) // 2
    before = sum(len(one.raw) for one in sound[:index])
    flip(path, frame.HEADER_BYTES + before + len(sound[index].raw) // 2)
    return index


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)


def ask(apps, cases):
    return apps.through(cases.several(12), at_once=12)


def newest(house):
    """The last segment of each worker."""
    last = {name.split("-")[0]: house.journal / name for name in names(house.journal) if name.startswith("w")}
    return list(last.values())


def frames(path):
    return list(frame.scan(path.read_bytes()[frame.HEADER_BYTES :], final=True).frames)


def filled(house):
    return len(newest(house)) == 3 and all(len(frames(path)) >= LEAST for path in newest(house))
