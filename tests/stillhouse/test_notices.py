"""Notices: what is told, and that every channel gets it in order, at least once, at nobody else's cost."""

import asyncio
import hashlib
import hmac
import json
import logging
import socket
import ssl
import subprocess
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from mailkit import Mailbox, serving
from makers import FAST, House, Watch

from router.decision import Cause, Finding
from stillhouse.errors import ConfigError, Undelivered
from stillhouse.notices import post as posts
from stillhouse.notices.channels import channels
from stillhouse.notices.mail import Mail, Server
from stillhouse.notices.notice import KINDS, notice_of
from stillhouse.notices.post import InLog, Post
from stillhouse.notices.webhook import Webhook, signature
from stillhouse.settings.load import load
from store.control import Announced
from store.vocabulary import Outcome, State, TaskMode

DRIFT = Finding(cause=Cause.DRIFT, why="The requests look otherwise.")


@pytest.fixture
def place(tmp_path):
    made = House(tmp_path)
    yield made
    made.close()


def told(place, kinds=KINDS):
    """What a channel that never fails is told from the beginning."""
    found = [notice_of(row) for row in place.control.announced(0, 1000)]
    return [notice for notice in found if notice and notice.kind in kinds]


class Heard:
    """A channel that keeps what it takes, or takes nothing."""

    def __init__(self, name="heard"):
        self.name, self.notices, self.down, self.tries = name, [], False, 0

    async def send(self, notice):
        self.tries += 1
        if self.down:
            raise Undelivered("nobody is there")
        self.notices.append(notice)

    async def aclose(self):
        pass


def posting(place, *channels, watch=None, kinds=KINDS):
    return Post(
        place.control, channels, place.epoch, kinds=kinds, clock=place.clock, watch=watch or place.clock
    )


async def begun(place, *channels, **options):
    """A post whose channels have been seen: what comes now is for them."""
    post = posting(place, *channels, **options)
    for channel in channels:
        await post.deliver(channel)
    return post


async def test_a_whole_life_is_told_in_order_and_once(place):
    channel = Heard()
    post = await begun(place, channel)
    place.open()
    place.until(State.CANARY_5)
    place.log.outcomes += [(place.clock.now + 0.1, Outcome.TIMEOUT)] * 5
    place.tick()
    place.tick()
    place.play(10)
    place.tick()
    place.findings = [DRIFT]
    place.tick()
    place.findings = []
    place.order("rollback")
    place.tick()
    for _ in range(3):
        await post.deliver(channel)
    assert [notice.kind for notice in channel.notices] == [
        *("promotion", "promotion", "hold", "hold", "drift", "rollback"),
    ]
    assert channel.notices == told(place)
    first, back = channel.notices[0], channel.notices[-1]
    assert (first.title, first.target, first.share) == (
        "t: the student goes on to canary_1",
        "canary_1",
        0.01,
    )
    assert (back.actor, back.cause) == ("anna", "operator")
    assert {"inputs"} & place.control.announced(0, 1)[0].payload.keys() == set()


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        ("slice_excluded", "slice"),
        ("excluded", "slice"),
        ("included", "slice"),
        ("loosened", "promotion"),
        ("waived", None),
    ],
)
@pytest.mark.parametrize("state", ["canary_5", "hold"])
def test_what_takes_no_step_does_not_go_on(cause, kind, state):
    said = {"task_id": "t", "rollout_id": "r", "share": 0.05, "actor": "anna", "why": "Because."}
    payload = {**said, "source": state, "target": state, "cause": cause}
    row = Announced(position=1, ts=1.0, kind="transition", ref="x", payload=payload)
    told = notice_of(row)
    assert (told and told.kind) == kind
    assert told is None or "goes on" not in told.title


def test_a_refusal_and_an_approval_say_what_they_are(tmp_path):
    place = House(tmp_path, replace(FAST, mode=TaskMode.APPROVE))
    place.open(delta_lower=-0.2)
    place.tick()
    place.clock.now += 10
    place.open("s2", created=place.clock.now)
    place.until(State.AWAITING_APPROVAL)
    refused, waits = told(place)
    assert (refused.kind, refused.title) == ("refusal", "t: the student is refused")
    assert (waits.kind, waits.title) == ("promotion", "t: the student waits for your approval")
    place.close()


async def test_a_dead_receiver_loses_nothing_and_keeps_no_other_waiting(place):
    dead, well = Heard("dead"), Heard("well")
    dead.down, watch = True, Watch()
    post = await begun(place, dead, well, watch=watch)
    place.open()
    place.until(State.CANARY_5)
    for _ in range(100):
        for channel in (dead, well):
            await post.deliver(channel)
        watch.now += 1.0
    assert well.notices == told(place)
    assert 6 <= dead.tries <= 10  # after 1, 2, 4, ... seconds
    await post.trim()
    assert len(place.control.announced(0, 100)) > 1
    dead.down = False
    watch.now += posts.LONGEST_WAIT_S
    again = await begun(place, dead, well, watch=watch)  # control was started again meanwhile
    await again.deliver(dead)
    assert dead.notices == told(place)
    await post.trim()
    assert len(place.control.announced(0, 100)) == 1
    place.order("pause")
    place.tick()
    await post.deliver(dead)
    assert [notice.kind for notice in dead.notices][-1] == "hold"
    assert place.control.outbox_readers()[0].dropped == 0


async def test_what_waits_is_bounded_in_rows_and_in_days_and_what_is_dropped_is_counted(place, monkeypatch):
    dead = Heard("dead")
    dead.down = True
    post = await begun(place, dead)
    place.open()
    place.until(State.CANARY_5)
    rows = len(place.control.announced(0, 100))
    monkeypatch.setattr(posts, "MOST_ROWS", 2)
    await post.trim()
    assert len(place.control.announced(0, 100)) == 2
    place.clock.now += posts.GIVE_UP_S + 1.0
    await post.deliver(dead)
    [reader] = place.control.outbox_readers()
    assert (reader.position, reader.dropped) == (rows, rows)


async def test_killed_before_it_is_written_down_a_notice_comes_again_with_the_same_id(place, monkeypatch):
    channel = Heard()
    post = await begun(place, channel)
    place.open()
    place.until(State.CANARY_1)
    save = place.control.save_outbox_reader
    monkeypatch.setattr(
        place.control, "save_outbox_reader", lambda *_: (_ for _ in ()).throw(OSError("killed here"))
    )
    with pytest.raises(OSError, match="killed"):
        await post.deliver(channel)
    monkeypatch.setattr(place.control, "save_outbox_reader", save)
    await posting(place, channel).deliver(channel)
    assert {notice.notice_id for notice in channel.notices} == {notice.notice_id for notice in told(place)}


async def test_only_the_kinds_that_were_asked_for_are_sent_and_a_new_channel_hears_no_history(place):
    some, late = Heard("some"), Heard("late")
    post = await begun(place, some, kinds=("hold",))
    place.open()
    place.until(State.CANARY_5)
    later = await begun(place, some, late, kinds=("hold",))
    place.order("pause")
    place.tick()
    for channel in (some, late):
        await later.deliver(channel)
    assert [notice.kind for notice in some.notices] == [notice.kind for notice in late.notices] == ["hold"]
    posting(place, some)
    assert [reader.name for reader in place.control.outbox_readers()] == ["some"]
    assert post.channels == (some,)


async def test_the_log_has_one_line_for_each(place, caplog):
    post = await begun(place, InLog())
    place.open()
    place.until(State.CANARY_1)
    with caplog.at_level(logging.INFO, "stillhouse.notices.post"):
        await post.deliver(post.channels[0])
    assert "notice (promotion): t: the student goes on to canary_1. Step shadow passed" in caplog.text


# -- over real sockets


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((dict(self.headers), body))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        self.send_header("location", "http://127.0.0.1:1/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = False
    server.got, server.statuses = [], []
    with serving(server):
        yield server


async def test_a_webhook_is_signed_retried_and_never_led_elsewhere(place, receiver):
    url, watch = f"http://127.0.0.1:{receiver.server_address[1]}/hook", Watch()
    hook = Webhook(url, "s3cret", timeout_s=5.0, clock=place.clock)
    post = await begun(place, hook, watch=watch)
    receiver.statuses = [503, 302, 200]
    place.open()
    place.until(State.CANARY_1)
    for _ in range(5):
        await post.deliver(hook)
        watch.now += 10.0
    assert len(receiver.got) == 3
    [wanted] = told(place)
    for headers, body in receiver.got:
        assert headers["x-stillhouse-notice"] == wanted.notice_id
        assert json.loads(body) == wanted.to_json()
        stamp, signed = (part.partition("=")[2] for part in headers["x-stillhouse-signature"].split(","))
        expected = hmac.new(b"s3cret", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(signed, expected)
    assert signature("other", 1, b"x") != signature("s3cret", 1, b"x") != signature("s3cret", 2, b"x")
    await hook.aclose()


async def test_a_receiver_that_is_not_there_is_undelivered(place):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place.open(delta_lower=-0.2)
    place.tick()
    [notice] = told(place)
    hook = Webhook(f"http://127.0.0.1:{port}/", None, timeout_s=1.0, clock=place.clock)
    mail = Mail(Server(host="127.0.0.1", port=port, timeout_s=1.0), sender="a@x.org", receivers=("b@x.org",))
    for channel in (hook, mail):
        with pytest.raises(Undelivered):
            await channel.send(notice)
        await channel.aclose()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of localhost that only this test trusts."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


async def test_a_letter_is_handed_in_encrypted_and_logged_in(place, certificate, monkeypatch):
    cert, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    with serving(Mailbox(tls=context, login=("anna", "pa ss"))) as box:
        server = Server(host="localhost", port=box.port, user="anna", password="pa ss")
        mail = Mail(server, sender="house@x.org", receivers=("a@x.org", "b@x.org"))
        post = await begun(place, mail)
        place.open(delta_lower=-0.2)
        place.tick()
        await post.deliver(mail)
    [notice], [(sender, receivers, message, encrypted, user)] = told(place), box.letters
    assert (sender, receivers, encrypted, user) == ("house@x.org", ("a@x.org", "b@x.org"), True, "anna")
    assert message["Subject"] == "[Stillhouse] t: the student is refused"
    assert message["Message-ID"] == f"<{notice.notice_id}@stillhouse>"
    assert notice.text in " ".join(message.get_content().split())


async def test_nothing_is_said_to_a_server_that_does_not_encrypt_or_is_not_who_it_says(place, certificate):
    place.open(delta_lower=-0.2)
    place.tick()
    [notice] = told(place)
    for tls in (None, certificate[1]):  # the second has a certificate that nobody trusts here
        with serving(Mailbox(tls=tls)) as box:
            server = Server(host="localhost", port=box.port)
            with pytest.raises(Undelivered):
                await Mail(server, sender="a@x.org", receivers=("b@x.org",)).send(notice)
        assert box.letters == []


async def test_a_letter_that_one_receiver_is_refused_comes_again_to_all(place):
    with serving(Mailbox()) as box:
        box.refuse = {"gone@x.org"}
        server = Server(host="127.0.0.1", port=box.port, security="none")
        mail = Mail(server, sender="a@x.org", receivers=("b@x.org", "gone@x.org"))
        place.open(delta_lower=-0.2)
        place.tick()
        [notice] = told(place)
        with pytest.raises(Undelivered, match=r"gone@x\.org"):
            await mail.send(notice)
    assert len(box.letters) == 1


async def test_a_server_that_hangs_delays_its_own_letters_only(place):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        server = Server(host="127.0.0.1", port=silent.getsockname()[1], security="none", timeout_s=0.5)
        mail, well = Mail(server, sender="a@x.org", receivers=("b@x.org",)), Heard()
        post = await begun(place, mail, well)
        place.open()
        place.until(State.CANARY_1)
        hanging = asyncio.create_task(post.deliver(mail))
        assert await post.deliver(well) > 0
        assert not hanging.done()
        assert await hanging == 2  # the screen is nothing to tell of; the promotion waits


@pytest.mark.parametrize(
    ("notices", "wrong"),
    [
        ("webhook: {url: 'ftp://x'}", "notices.webhook.url"),
        ("email: {host: h, sender: a@x.org, receivers: []}", "notices.email.receivers"),
        ("email: {host: h, sender: a@x.org, receivers: [b@x.org], user: a}", "password_file"),
        ('email: {host: h, sender: "a@x.org\\nBcc: z@x.org", receivers: [b@x.org]}', "notices.email.sender"),
        (
            "email: {host: h, sender: a@x.org, receivers: [b@x.org], security: none, user: a, password_file: f}",
            "in the clear",
        ),
        ("kinds: [party]", "notices.kinds"),
    ],
)
def test_settings_that_cannot_work_are_named(tmp_path, notices, wrong):
    file = tmp_path / "stillhouse.yaml"
    file.write_text(f"notices:\n  {notices}\n")
    with pytest.raises(ConfigError, match=wrong):
        load(file, {})


def test_channels_are_made_of_settings_and_a_secret_is_read_from_its_file(tmp_path):
    secret, file = tmp_path / "secret", tmp_path / "stillhouse.yaml"
    file.write_text(
        f"notices:\n  webhook: {{url: 'https://x.org/h', secret_file: {secret}}}\n"
        f"  email: {{host: mail.x.org, sender: a@x.org, receivers: [b@x.org], user: a, password_file: {secret}}}\n"
    )
    settings = load(file, {}).notices
    with pytest.raises(ConfigError, match="webhook"):
        channels(settings)
    secret.write_text("s3cret\n")
    made = channels(settings)
    assert [channel.name for channel in made] == ["log", "webhook", "email"]
    assert all("s3cret" not in repr(channel) for channel in made)
    assert "s3cret" not in repr(made[2]._server)
    asyncio.run(made[1].aclose())
