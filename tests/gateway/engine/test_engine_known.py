"""The head of the request before, known again but for its length; and its fingerprint, read once."""

from __future__ import annotations

import pytest

from gateway import canonical, fingerprint, wire
from gateway.engine.front import Admitted
from gateway.engine.known import Known
from gateway.inbound import Inbound
from gateway.keys import Caller
from gateway.surfaces import BY_NAME
from store.template import Templates

HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nContent-Length: %b\r\nauthorization: Bearer k\r\n\r\n"
)


@pytest.fixture
def known():
    request = Inbound(method="POST", path="/", target="/", headers=())
    caller = Caller(tenant="", key_id="", identity=b"")
    admitted = Admitted(request=request, surface=BY_NAME["chat"], caller=caller)
    return Known(HEAD % b"17", admitted, keep_alive=True)


@pytest.mark.parametrize(("said", "length"), [(b"17", 17), (b"1", 1), (b"0042", 42), (b"9" * 18, 10**18 - 1)])
def test_a_head_is_known_whatever_its_length(known, said, length):
    assert known.length(HEAD % said) == length


@pytest.mark.parametrize(
    "other",
    [
        HEAD % b"",
        HEAD % b"-1",
        HEAD % b"+1",
        HEAD % b"1 1",
        HEAD % "\u0661".encode(),
        HEAD % (b"9" * 19),
        HEAD % b"1\r\ntransfer-encoding: chunked",
        HEAD % b"1\r\ncontent-length: 2",
        (HEAD % b"17").replace(b"Bearer k", b"Bearer K"),
        (HEAD % b"17").replace(b"POST", b"PUT"),
        (HEAD % b"17")[:40],
        b"",
    ],
)
def test_any_other_head_is_read_anew(known, other):
    assert known.length(other) is None


def asked(user, system="You sort the post of a small museum into letters, bills and gifts."):
    said = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    return wire.parse(canonical.dumps({"model": "m", "messages": said}), max_depth=9)


def test_a_remembered_fingerprint_is_the_one_that_is_read():
    known, none = fingerprint.Fingerprints(), Templates()
    for request in (asked("a"), asked("b"), asked("c", "Brief."), asked("d", "Brief."), asked("a")):
        for tenant, task in (("", None), ("t", None), ("", "task"), ("", None)):
            expected = fingerprint.fingerprint(request.beginning, tenant, task, none)
            assert known.of(request, tenant, task, none) == expected
