"""Who is calling: static client keys, or the caller's own credential passed through.

Holds no key in clear and writes none anywhere: a credential leaves here only as a salted hash, or on its
way to the upstream that it belongs to.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from gateway import headers as head
from gateway.errors import Refusal
from gateway.settings import ClientKey, Kind, UpstreamSpec
from gateway.upstream.port import Headers

_KEY_ID = 16  # hex digits
_OK = range(200, 300)
_TURNED_AWAY = (401, 403)
_HEADER = {Kind.ANTHROPIC: b"x-api-key", Kind.AZURE: b"api-key"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """An admitted caller. `credential` is what it presented, for pass-through only."""

    tenant: str
    key_id: str
    identity: bytes = field(repr=False)  # salted hash of all that a teacher may judge; b"": no credential
    credential: Headers = field(repr=False, default=())
    own_key: bool = True  # False: presented a key of this gateway, which must not go on


class KeyRing:
    """Admits callers. With no client keys configured everyone is admitted, with a key of their own."""

    def __init__(self, keys: tuple[ClientKey, ...], salt: bytes) -> None:
        self._keys = {key.sha256: key for key in keys}
        # Begun once: to begin it takes longer than to hash a credential.
        self._salted = hmac.new(salt, digestmod="sha256")

    def admit(self, headers: Headers, query: str = "") -> Caller:
        """Say who calls. Raises `Refusal` (401) where a client key is needed and not presented.

        `query` is part of who that is, as it goes on too and may name a key.
        """
        credential = tuple(pair for pair in headers if pair[0] in head.CREDENTIALS)
        secret = _secret(credential)
        return Caller(
            tenant=self._tenant(secret) if self._keys else "",
            key_id=self._hash(secret).hex()[:_KEY_ID] if secret else "",
            identity=self._identity(headers, query),
            credential=credential,
            own_key=not self._keys,
        )

    def _tenant(self, secret: bytes) -> str:
        if not secret:
            raise Refusal(401, "You didn't provide an API key.", code="invalid_api_key")
        digest = hashlib.sha256(secret).hexdigest()
        key = self._keys.get(digest)
        # The look-up is by the hash of the whole key; the comparison's time tells nothing about it.
        if not hmac.compare_digest(key.sha256 if key else "0" * 64, digest) or key is None:
            raise Refusal(401, "Incorrect API key provided.", code="invalid_api_key")
        return key.name

    def _identity(self, headers: Headers, query: str) -> bytes:
        """Hash all together: who shows another's accepted key beside one of its own is somebody else."""
        presented = head.presented(headers)
        if not any(_token(name, text) for name, text in presented):
            return b""
        account = [pair for pair in headers if pair[0] in head.ACCOUNT]
        parts = [part for pair in sorted([*presented, *account]) for part in pair]
        parts.append(query.encode("latin-1", "replace"))
        return self._hash(b"".join(len(part).to_bytes(4) + part for part in parts))

    def _hash(self, secret: bytes) -> bytes:
        begun = self._salted.copy()
        begun.update(secret)
        return begun.digest()


class AcceptedKeys:
    """Remembers which callers a teacher has accepted, so that a student is no way around its check."""

    def __init__(self, *, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._until: OrderedDict[tuple[bytes, str, str], float] = OrderedDict()

    def note(self, identity: bytes, upstream: str, model: str, now: float) -> None:
        """Remember a 2xx of `upstream` for `model`; `now` is monotonic seconds. Without a credential: no."""
        if not identity:
            return
        key = (identity, upstream, model)
        self._until[key] = now + self._seconds
        self._until.move_to_end(key)
        while len(self._until) > self._most:
            self._until.popitem(last=False)

    def knows(self, identity: bytes, upstream: str, model: str, now: float) -> bool:
        """Tell whether the caller was accepted recently enough."""
        return self._until.get((identity, upstream, model), 0.0) > now

    def judged(self, caller: Caller, upstream: UpstreamSpec, model: str, status: int) -> None:
        """Learn from what the teacher said to the caller's own key, answering or in the background."""
        if not passes_through(caller, upstream):
            return
        if status in _OK:
            self.note(caller.identity, upstream.name, model, time.monotonic())
        elif status in _TURNED_AWAY:
            self.forget(caller.identity, upstream.name, model)

    def forget(self, identity: bytes, upstream: str, model: str) -> None:
        """Drop a caller whom the teacher has just turned away."""
        self._until.pop((identity, upstream, model), None)


def onward_credential(caller: Caller, upstream: UpstreamSpec) -> Headers:
    """Give the credential headers for an upstream: its own key, the caller's, or none.

    A key of this gateway never goes on, and the caller's never goes where a key is configured.
    """
    if upstream.api_key is not None:
        return (own_credential(upstream, upstream.api_key),)
    return caller.credential if caller.own_key else ()


def own_credential(upstream: UpstreamSpec, key: str) -> tuple[bytes, bytes]:
    """Give the header in which an upstream wants its key."""
    name = _HEADER.get(upstream.kind)
    return (name, key.encode()) if name else (b"authorization", b"Bearer " + key.encode())


def passes_through(caller: Caller, upstream: UpstreamSpec) -> bool:
    """Tell whether the caller's own credential is what the upstream will judge."""
    return upstream.api_key is None and caller.own_key


def _secret(presented: Headers) -> bytes:
    """Give the one credential that names a caller: of Authorization, else the first."""
    for name, text in presented:
        if name == b"authorization":
            return _token(name, text)
    return _token(*presented[0]) if presented else b""


def _token(name: bytes, text: bytes) -> bytes:
    """Give a credential without its scheme; b"" where there is only a scheme, or nothing."""
    text = text.strip()
    if name != b"authorization":
        return text
    scheme, _, token = text.partition(b" ")
    if scheme.lower() == b"bearer":
        return token.strip()
    return b"" if scheme.lower() == b"basic" and not token.strip() else text
