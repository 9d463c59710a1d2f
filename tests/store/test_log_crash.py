"""kill -9, and a full disk, at every step of sealing, erasing and retention: the next opening finds old or new."""

import os
import random
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest
from storebuild import House
from test_log_months import DAY, FEB, JAN, MAR, add, at

from store.errors import StoreError
from store.log import Log, Retention
from store.log.removal import erase

HERE = Path(__file__).parent
PATHS = f"import sys; sys.path[:0] = [{str(HERE)!r}, {str(HERE.parents[1])!r}]\n"

# Every step that changes a file, or what is attached, is counted; the process kills itself before or after the n-th.
CHILD = PATHS + textwrap.dedent("""
    import os, signal, pathlib
    from store.log import Log, Retention, files
    from store.log.engine import Engine
    from store.log import database, rewrite
    path, deed, die_at = sys.argv[1], sys.argv[2], int(sys.argv[3])
    steps = 0

    def counted(owner, name):
        real = getattr(owner, name)
        def step(*given, **named):
            reach()
            result = real(*given, **named)
            reach()
            return result
        setattr(owner, name, step)

    def reach():
        global steps
        steps += 1
        if steps == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    log = Log.open(path)
    for owner, name in [
        (Engine, "attach"), (Engine, "detach"), (Engine, "checkpoint"), (Engine, "migrate"), (pathlib.Path, "replace"),
        (rewrite, "sync"), (files, "forget"), (rewrite, "run"), (database.Database, "gather"),
    ]:
        counted(owner, name)
    if deed == "seal":
        log.seal(float(sys.argv[4]))
    elif deed == "erase":
        log.erase(sys.argv[4:])
    else:
        log.apply_retention(Retention(days=15.0, now=float(sys.argv[4])))
    print(steps)
    os._exit(0)
""")


def rows(log):
    found = Counter()
    for table, key in (("calls", "call_id"), ("attempts", "attempt_id"), ("scores", "attempt_id")):
        with log._database.looking() as cursor:
            every = cursor.execute(f"SELECT {key}::VARCHAR FROM {table}").fetchall()
        found.update((table, name) for (name,) in every)
    return found


def state(path):
    log = Log.open(path)
    found, listed = rows(log), set(log._database.months)
    whole = [log.call(name) for table, name in found if table == "calls"]
    log.close()
    lying = {file.stem for file in (path.parent / "log").iterdir() if file.is_file()}
    assert lying == listed, "nothing is left over"
    assert all(detail.call.body and detail.attempts for detail in whole), (
        "every call with its head and answer"
    )
    return found


def child(path, deed, die_at, *given):
    words = [sys.executable, "-c", CHILD, str(path), deed, str(die_at), *map(str, given)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def life(root):
    """A log with a sealed month, calls of another that may be sealed, and of the present."""
    root.mkdir(exist_ok=True)
    house = House(root)
    made = [add(house, f"{n}", ts, user="ann") for n, ts in enumerate([JAN, JAN + DAY, FEB, FEB + DAY, MAR])]
    house.log.seal(FEB)
    house.close()
    return made


def copied(source, target):
    (target / "log").mkdir(parents=True)
    for name in ("log.duckdb", *(f"log/{file.name}" for file in (source / "log").glob("*.duckdb"))):
        (target / name).write_bytes((source / name).read_bytes())
    return target / "log.duckdb"


@pytest.mark.parametrize("deed", ["seal", "erase", "retain"])
def test_killed_at_any_step_a_log_is_as_before_or_as_after(tmp_path, deed):
    made = life(tmp_path / "life")
    gone = [made[0].call_id, made[2].call_id]
    given = {"seal": [at(2026, 3, 9)], "erase": gone, "retain": [MAR]}[deed]
    before = state(copied(tmp_path / "life", tmp_path / "before"))
    done = child(after := copied(tmp_path / "life", tmp_path / "after"), deed, 0, *given)
    steps = int(done.stdout)
    final = state(after)
    assert (final == before) == (deed == "seal")
    assert steps > 20
    seen = []
    for die_at in sorted(
        random.Random(os.urandom(4)).sample(range(1, steps + 1), 8)
    ):  # another eight each time
        path = copied(tmp_path / "life", tmp_path / f"{die_at}")
        assert child(path, deed, die_at, *given).returncode == -9
        found = state(path)
        between = [table for table, _ in (before - found)]
        assert final <= found <= before, f"step {die_at}"
        assert len(between) % 3 == 0, "a call goes with all that is its own"
        seen.append(found == final)
        if len(seen) % 4 == 1:
            assert child(path, deed, 0, *given).returncode == 0
            assert state(path) == final, "done again, it ends the same"
    assert seen == sorted(seen), "there is no way back from after to before"


def test_a_disk_that_fills_up_leaves_the_old_files(tmp_path, monkeypatch):
    made = life(tmp_path)
    path = tmp_path / "log.duckdb"
    code = PATHS + textwrap.dedent("""
        import resource, signal
        from store.errors import StoreError
        from store.log import Log
        log = Log.open(sys.argv[1])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
        try:
            log.erase(sys.argv[3:])
        except StoreError as error:
            print("refused", error)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            assert log.call(sys.argv[4]) is not None
            print(log.erase(sys.argv[3:]).calls)
        log.close()
    """)
    before = state(path)
    for room in (0, 5_000, 20_000):
        target = copied(tmp_path, tmp_path / f"room{room}")
        words = [sys.executable, "-c", code, str(target), str(room), made[0].call_id, made[4].call_id]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert "refused" in done.stdout, done.stderr
        assert done.stdout.splitlines()[-1] == "2"
        assert sum(before.values()) - sum(state(target).values()) == 6


def test_a_failed_exchange_leaves_a_log_that_goes_on(house, monkeypatch):
    made = add(house, "1", JAN)
    other = add(house, "2", JAN)

    def refuse(*_given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        erase(house.log._database, [made.call_id])
    monkeypatch.undo()
    assert house.log.call(made.call_id).call == made
    house.log.apply_retention(Retention(days=1e6, now=MAR))
    assert house.log.erase([made.call_id]).calls == 1
    assert house.log.call(other.call_id).call == other
    with pytest.raises(StoreError):
        house.log._database.engine.attach(house.root / "none.duckdb", "none", read_only=True)
