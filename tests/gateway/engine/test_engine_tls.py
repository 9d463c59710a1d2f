"""TLS to upstreams: verified, resumed, and not believed under another name."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess

import pytest
from scripted import ask, client, request, server, whole

from gateway.engine.client import NativeTransport
from gateway.engine.trust import Trust
from gateway.settings import GatewaySettings, SettingsError
from gateway.upstream.httpx_engine import HttpxTransport
from gateway.upstream.port import ConnectFailed
from gateway.upstream.trusted import trusted

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made by openssl")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and a certificate for `localhost`, signed by itself."""
    made = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    )
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", made / "key", "-out", made / "cert"]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    return made


@pytest.fixture
def serving_tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert", certificate / "key")
    return context


@pytest.fixture
def trust(certificate):
    made = Trust()
    made.load_verify_locations(certificate / "cert")
    return made


async def twice(reader, writer):
    await request(reader)
    writer.write(OK.replace(b"Connection: close\r\n", b""))
    await request(reader)
    writer.write(OK)


async def test_the_second_connection_goes_on_with_the_session_of_the_first(serving_tls, trust):
    reused = []

    async def serve(reader, writer):
        reused.append(writer.get_extra_info("ssl_object").session_reused)
        await twice(reader, writer)

    async with server(serve, ssl=serving_tls) as url, client(tls=trust) as transport:
        for _ in range(4):
            assert await whole(transport, ask(url)) == (200, b"ok")
        assert reused == [False, True]


async def test_an_unknown_authority_is_not_believed(serving_tls):
    async with server(twice, ssl=serving_tls) as url, client(tls=Trust()) as transport:
        with pytest.raises(ConnectFailed):
            await whole(transport, ask(url))
        assert not transport._kept._all
        assert transport._kept._begun == 0


async def test_another_name_is_not_believed(serving_tls, trust):
    async with server(twice, ssl=serving_tls) as url, client(tls=trust) as transport:
        with pytest.raises(ConnectFailed):
            await whole(transport, ask(url.replace("localhost", "127.0.0.1")))


async def test_an_upstream_that_speaks_no_tls_is_no_upstream(trust):
    async def plain(reader, writer):
        writer.write(OK)

    async with server(plain) as url, client(tls=trust) as transport:
        with pytest.raises(ConnectFailed):
            await whole(transport, ask(url.replace("http:", "https:")))


async def test_a_large_answer_passes_to_a_slow_reader(serving_tls, trust):
    async def serve(reader, writer):
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n" + bytes(8388608))
        await writer.drain()
        await reader.read()

    async with server(serve, ssl=serving_tls) as url, client(tls=trust) as transport:
        answer = await transport.send(ask(url))
        await asyncio.sleep(0.1)
        assert sum([len(piece) async for piece in answer.pieces()]) == 8388608


def test_the_usual_trust_verifies():
    made = Trust.usual()
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert made.cert_store_stats()["x509_ca"] > 50


@pytest.mark.parametrize("made", [NativeTransport, HttpxTransport])
@pytest.mark.parametrize("trusts", [Trust.usual, trusted])
async def test_an_authority_of_ones_own_is_believed_beside_the_usual_ones(
    serving_tls, certificate, made, trusts
):
    async def serve(reader, writer):
        await request(reader)
        writer.write(OK)

    async with server(serve, ssl=serving_tls) as url:
        for context, believed in ((trusts(certificate / "cert"), True), (trusts(None), False)):
            transport = made(tls=context)
            try:
                if believed:
                    assert await whole(transport, ask(url)) == (200, b"ok")
                else:
                    with pytest.raises(ConnectFailed):
                        await transport.send(ask(url))
            finally:
                await transport.aclose()


def test_a_file_without_certificates_is_refused(certificate, tmp_path):
    assert GatewaySettings(ca_file=certificate / "cert").ca_file == certificate / "cert"
    for path in (tmp_path / "none.pem", certificate / "key"):
        with pytest.raises(SettingsError, match="has no PEM certificates"):
            GatewaySettings(ca_file=path)
