"""How fast a student is off, through real processes. The figures are printed; the bounds are the promises'."""

import json
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPConnection

from faulthouse import House
from housekit import Handler, Teacher, until
from makers import evaluation, student

from gateway.fingerprint import fingerprint
from router.evidence import Evidence
from router.settings import RolloutPolicy
from store.control import Control
from store.paths import DataFolder
from store.vocabulary import Rollout, State, Task, TaskMode, TaskVersion

PROMISED_CALLS = 20
PROMISED_S = 2.0
TASKS = ("failing", "rolled-back")


class Failing(Handler):
    """A student that answers, or fails while it is told to."""

    @classmethod
    def server(cls):
        made = Teacher()
        made.RequestHandlerClass, made.failing = cls, False
        return made

    def do_POST(self):  # noqa: N802 - the library's name
        if self.server.failing:
            self.server.asked.append(None)
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_error(500)
        else:
            super().do_POST()


def request(task: str, number: int) -> dict:
    messages = [{"role": "system", "content": f"Sort, {task}."}, {"role": "user", "content": f"n{number}"}]
    return {"model": "gpt-4o-mini", "messages": messages}


def plant(control, base_url):
    """Give each task a student at full share, as control would have published it."""
    epoch = control.take_epoch("test")
    for task in TASKS:
        name = fingerprint(request(task, 0), "")
        control.save_task(Task(task_id=task, name=task, mode=TaskMode.AUTO), epoch)
        version = TaskVersion(task_id=task, version=1, head_hash=task, fingerprints=(name,))
        control.save_version(version, epoch)
        made = replace(student(task), task_id=task, base_url=base_url)
        control.save_student(made, epoch)
        control.save_evaluation(evaluation(task, task_id=task), epoch)
        now = time.time()
        rollout = Rollout(
            rollout_id=task,
            task_id=task,
            task_version=1,
            student_id=task,
            trial=1,
            state=State.FULL,
            salt="s",
            created=now,
            entered=now,
            since=now,
            evidence=Evidence(delta=RolloutPolicy().delta).to_json(),
        )
        control.create_rollout(rollout, epoch)


class Crowd:
    """Apps that ask one call after the other; who answered, and when each call was begun."""

    def __init__(self, port, task):
        self.begun = []  # (begun, by the student)
        self._port, self._task = port, task
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # guards: each call has a number of its own
        self._number = 0

    def ask(self):
        """Ask one call on a connection of its own: any worker may get it; say whether the student answered."""
        with self._lock:
            self._number += 1
            body = request(self._task, self._number)
        begun = time.time()
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=20)) as connection:
            headers = {"authorization": "Bearer sk-x", "content-type": "application/json"}
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            response = connection.getresponse()
            assert response.status == HTTPStatus.OK, response.read()
            by_student = response.getheader("x-stillhouse-route") == "student"
            response.read()
        self.begun.append((begun, by_student))
        return by_student

    @contextmanager
    def steadily(self, at_once=6):
        threads = [threading.Thread(target=self._go_on) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join()
            self._stopping.clear()

    def _go_on(self):
        while not self._stopping.is_set():
            self.ask()

    def last_of_the_student(self):
        return max(begun for begun, by_student in self.begun if by_student)


def test_a_failing_student_a_rollback_and_the_stop_file_reach_every_worker_in_time(tmp_path):
    with serving(Failing.server()) as local, serving(Teacher()) as teacher:
        house = House.make(tmp_path, teacher.url)
        house.set(policy={"mode": "auto"})
        with closing(Control.open(DataFolder(house.data).create().control)) as control:
            plant(control, local.url)
            house.start()
            try:
                failing, rolled_back = (Crowd(house.gateway_port, task) for task in TASKS)
                for crowd in (failing, rolled_back):
                    until(crowd.ask, f"the student answers\n{house.log()}")
                said = {
                    "stop-students": stopped(house, rolled_back),
                    "rollback": taken_off(house, rolled_back, control),
                }
                calls = failing_calls(house, failing, local)
            finally:
                house.end()
    print(f"{calls} calls until a failing student was off; seconds until the last call: {said}")
    assert calls <= PROMISED_CALLS
    assert all(seconds <= PROMISED_S for seconds in said.values()), said


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def stopped(house, crowd):
    """Seconds from the order until the last call that was begun and still went to a student."""
    with house.ask() as client:
        with crowd.steadily():
            until(lambda: len(crowd.begun) > 20, "calls")
            ordered = time.time()
            client.stop_students()
            begun = len(crowd.begun)
            until(lambda: len(crowd.begun) > begun + 40, "calls by the teacher")
        last = crowd.last_of_the_student()
        client.resume_students()
    until(crowd.ask, "the student again")
    return round(max(0.0, last - ordered), 3)


def taken_off(house, crowd, control):
    """Seconds from the decision until the last call that was begun and still went to the student."""
    with crowd.steadily(), house.ask() as client:
        client.order("rolled-back", "rollback", "measured")
        decided = until(lambda: control.transitions("rolled-back"), "a decision")[0]
        begun = len(crowd.begun)
        until(lambda: len(crowd.begun) > begun + 40, "calls by the teacher")
    assert decided.target == State.ROLLING_BACK
    return round(max(0.0, crowd.last_of_the_student() - decided.ts), 3)


def failing_calls(house, crowd, local):
    """How many calls reached a student that fails while control is dead, over all workers."""
    with house.frozen("control"):
        local.failing, before = True, len(local.asked)
        for _ in range(40):
            crowd.ask()
        reached = len(local.asked) - before
        for _ in range(10):
            assert not crowd.ask()
        assert len(local.asked) - before == reached, "it was asked again"
    return reached
