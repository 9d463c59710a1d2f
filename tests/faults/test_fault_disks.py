"""Full, bounded and read-only journals: the policy holds, losses are counted exactly, all goes on by itself."""

import os
import resource
import subprocess
from contextlib import contextmanager, nullcontext, suppress

import pytest
from faultapps import Apps
from faultbooks import Books
from housekit import get, until

from store.paths import DataFolder

KIB = 1024
BATCH = 40


@contextmanager
def small_disk(house, *options):
    """Put the journal on a small file system of its own."""
    if os.geteuid() != 0:
        pytest.skip("a small file system can be mounted by root only")
    journal = DataFolder(house.data).create().journal
    mount("-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", journal)
    try:
        if options:
            mount("-o", f"remount,{','.join(options)}", journal)
        yield
    finally:
        subprocess.run(["umount", "-l", journal], check=True)


def mount(*arguments):
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


@contextmanager
def filled(house):
    """The file system of the journal is full, and control makes no room on it."""
    ballast = house.journal / "ballast"
    with house.frozen("control"):
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(bytes(KIB)):
                pass
        yield
        ballast.unlink()


@contextmanager
def limited(house):
    """No file of the worker may grow: what a full disk is to it, without a disk."""
    pid = house.pid("worker-0")
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def held_up(house):
    """Nobody takes away what fills the journal up to its own bound."""
    with house.frozen("control"):
        yield


DISKS = [
    pytest.param(small_disk, (filled,), id="disk"),
    pytest.param(nullcontext, (limited, held_up), id="limits"),
]


@pytest.mark.parametrize(("disk", "squeezes"), DISKS)
def test_serve_answers_every_app_and_counts_exactly_what_is_not_kept(house, upstream, cases, disk, squeezes):
    house.set(gateway={"workers": 1}, journal={"on_full": "serve", "max_bytes": 256 * KIB})
    apps = Apps(house.base_url)
    with disk(house):
        house.start()
        for squeezed in squeezes:
            apps.through(cases.several(BATCH))
            with squeezed(house):
                until(
                    lambda: apps.through(cases.several(BATCH)) and journal(house) == "full", "a full journal"
                )
            until(lambda: apps.through(cases.several(BATCH)) and journal(house) == "ok", "room again")
        house.emptied()
    assert not apps.failures, apps.failures[:3]
    assert len(apps.answers) == len(upstream.heard)
    check_balance(house, upstream, asked=2 * len(upstream.heard))


@pytest.mark.parametrize(("disk", "squeezes"), DISKS)
def test_refuse_forwards_nothing_that_it_cannot_log(house, upstream, cases, disk, squeezes):
    house.set(gateway={"workers": 1}, journal={"on_full": "refuse", "max_bytes": 256 * KIB})
    apps = Apps(house.base_url)
    with disk(house):
        house.start()
        for squeezed in squeezes:
            apps.through(cases.several(BATCH))
            with squeezed(house):
                until(lambda: apps.through(cases.several(BATCH)) and refused(apps, cases, 5) == 5, "refusals")
                heard = len(upstream.heard)
                assert refused(apps, cases, BATCH) == BATCH
                assert len(upstream.heard) == heard, "nothing is forwarded"
            until(lambda: refused(apps, cases, BATCH) == 0, "room again")
        house.emptied()
    said = {(failure.status, failure.error["code"], failure.error["type"]) for failure in apps.failures}
    assert said == {(503, "journal_full", "server_error")}
    books = Books(house)
    books.hold_all_that_was_forwarded(upstream, apps)
    assert books.totals.calls == len(upstream.heard) == len(apps.answers)
    check_balance(house, upstream, asked=2 * len(upstream.heard))


def test_a_read_only_journal_stops_no_answer_and_is_taken_up_when_it_can_be_written(house, upstream, cases):
    house.set(gateway={"workers": 1})
    apps = Apps(house.base_url)
    with small_disk(house, "ro"):
        house.launch()
        until(lambda: house._well(house.gateway_port), "the gateway")
        apps.through(cases.several(BATCH))
        assert journal(house) == "full"
        mount("-o", "remount,rw", house.journal)
        until(lambda: apps.through(cases.several(BATCH)) and journal(house) == "ok", "an open journal")
        house.ready()
        apps.through(cases.several(BATCH))
        house.emptied()
    assert not apps.failures, apps.failures[:3]
    assert house.lost >= 2 * BATCH
    check_balance(house, upstream, asked=2 * len(upstream.heard))


def check_balance(house, upstream, *, asked):
    """What the writer was asked to keep is in the log or counted as lost; the doctor says so."""
    books = Books(house)
    attempts = books.totals.attempts - books.totals.lost_calls
    assert asked == books.totals.calls + attempts + house.lost, (books.totals, house.lost)
    assert house.lost == 0 or f"{house.lost} records" in str(house.look("doctor"))
    books.say_what_the_upstream_said(upstream)


def journal(house):
    url = f"http://127.0.0.1:{house.gateway_port}/readyz"
    return get(url, timeout=10).json()["journal"]


def refused(apps, cases, count):
    """Ask so many; how many of them were refused."""
    before = len(apps.failures)
    apps.through(cases.several(count))
    return len(apps.failures) - before
