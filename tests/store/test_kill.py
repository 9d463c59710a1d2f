"""kill -9 of writers and of the ingester, at any moment: nothing acknowledged is lost, nothing doubled."""

import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from pathlib import Path

from storebuild import price, read_answer

from store.ingester import Ingester
from store.journal.segment import names
from store.log import Log

HERE = Path(__file__).parent
PATHS = f"import sys; sys.path[:0] = [{str(HERE)!r}, {str(HERE.parents[1])!r}]\n"

WRITER = PATHS + textwrap.dedent("""
    from storebuild import attempt, call
    from store.journal.writer import SegmentWriter
    writer = SegmentWriter(sys.argv[1], "w0", segment_bytes=100_000)
    while True:
        one = call()
        writer.append(one)
        print("call", one.call_id, flush=True)
        answer = attempt(one)
        writer.append(answer)
        print("attempt", answer.attempt_id, flush=True)
""")

INGESTER = PATHS + textwrap.dedent("""
    import time
    from storebuild import price, read_answer
    from store.ingester import Ingester
    from store.log import Log
    log = Log.open(sys.argv[2])
    ingester = Ingester(log, sys.argv[1], read_answer, price)
    print("ready", flush=True)
    while True:
        if not ingester.step():
            time.sleep(0.005)
""")


class Writer:
    """A process that appends as fast as it can and tells what was acknowledged."""

    def __init__(self, journal, acknowledged):
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(journal)], stdout=subprocess.PIPE, text=True
        )
        self.thread = threading.Thread(target=self._listen, args=(acknowledged,), daemon=True)
        self.thread.start()

    def _listen(self, acknowledged):
        for line in self.process.stdout:
            if line.endswith("\n"):
                kind, name = line.split()
                acknowledged[kind].add(name)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()


def start_ingester(journal, log):
    process = subprocess.Popen(
        [sys.executable, "-c", INGESTER, str(journal), str(log)], stdout=subprocess.PIPE, text=True
    )
    if process.stdout.readline() != "ready\n":
        kill(process)
        raise AssertionError("the ingester did not start")
    return process


def kill(process):
    ended = process.poll()
    process.kill()
    process.wait()
    process.stdout.close()
    assert ended is None, "it ended by itself"


def test_kill_9_loses_nothing_acknowledged_and_doubles_nothing(tmp_path):
    rng = random.Random(os.urandom(4))
    journal, path = tmp_path / "journal", tmp_path / "log.duckdb"
    acknowledged = {"call": set(), "attempt": set()}
    writer = Writer(journal, acknowledged)
    try:
        ingester = start_ingester(journal, path)
        for turn in range(6):
            time.sleep(rng.uniform(0.02, 0.25))
            if turn % 2:
                writer.kill()
                writer = Writer(journal, acknowledged)
            else:
                kill(ingester)
                ingester = start_ingester(journal, path)
        kill(ingester)
    finally:
        writer.kill()

    log = Log.open(path)
    last = Ingester(log, journal, read_answer, price)
    while last.step():
        pass
    last.step()
    with log._database.engine.cursor() as cursor:
        calls = Counter(name for (name,) in cursor.execute("SELECT call_id::VARCHAR FROM calls").fetchall())
        attempts = Counter(
            name
            for (name,) in cursor.execute(
                "SELECT attempt_id::VARCHAR FROM attempts WHERE outcome <> 'lost'"
            ).fetchall()
        )
        served = cursor.execute(
            "SELECT max(n), min(n) FROM (SELECT count(*) AS n FROM attempts WHERE served GROUP BY call_id)"
        ).fetchone()
        contiguous = cursor.execute("SELECT max(seq) - min(seq) + 1 = count(*) FROM calls").fetchone()
    assert len(acknowledged["call"]) > 100
    assert acknowledged["call"] <= set(calls)
    assert acknowledged["attempt"] <= set(attempts)
    assert max(calls.values()) == max(attempts.values()) == 1
    assert served == (1, 1)
    assert contiguous == (True,)
    totals = log.totals()
    assert totals.open_calls == 0
    assert totals.lost_calls <= 4, "at most the one that each killed writer had open"
    assert names(journal) == []
    last.close()
    log.close()
