"""One gateway worker, joined of its parts. Knows no process and no file."""

from __future__ import annotations

from gateway.background import Background
from gateway.calls import Decider
from gateway.dispatch import Gateway
from gateway.keys import AcceptedKeys, KeyRing
from gateway.manners import Manners
from gateway.metrics import Metrics
from gateway.models import Models
from gateway.opaque import Opaque
from gateway.pairs import Pairs
from gateway.pool import Pool
from gateway.ports import Chooser, Health, Journal, Transport
from gateway.reach import Reach
from gateway.records import Records
from gateway.settings import GatewaySettings
from gateway.sockets import Sockets
from gateway.student import StudentDesk
from gateway.teacher import Relay
from gateway.telling import Telling
from gateway.turns import Turns
from gateway.vitals import Vitals

__all__ = ["Gateway", "build"]


def build(
    settings: GatewaySettings, *, journal: Journal, chooser: Chooser, transport: Transport, health: Health
) -> Gateway:
    """Join the parts of one gateway worker. The application closes `transport` when it shuts down."""
    records = Records(journal, Metrics(), chooser.saw)
    accepted = AcceptedKeys(seconds=settings.accepted_key_s, most=settings.accepted_keys)
    pool = Pool(settings.upstreams)
    relay = Relay(
        transport=transport,
        records=records,
        pool=pool,
        telling=Telling(records=records),
        wait_s=settings.upstream_wait_s,
    )
    reach = Reach()
    manners = Manners()
    keys = {upstream.name: upstream.api_key for upstream in settings.upstreams if upstream.api_key}
    desk = StudentDesk(transport, records, reach, manners, hung_s=settings.student_hung_s, keys=keys)
    background = Background(concurrency=settings.shadow_concurrency, queue=settings.shadow_queue)
    turns = Turns(
        settings=settings,
        decider=Decider(pool=pool, chooser=chooser, accepted=accepted, reach=reach),
        accepted=accepted,
        manners=manners,
        records=records,
        relay=relay,
        desk=desk,
        pairs=Pairs(
            settings,
            transport=transport,
            records=records,
            desk=desk,
            background=background,
            accepted=accepted,
            pool=pool,
        ),
    )
    return Gateway(
        settings=settings,
        keys=KeyRing(settings.client_keys, settings.salt),
        turns=turns,
        opaque=Opaque(settings=settings, records=records, relay=relay, pool=pool),
        models=Models(settings=settings, transport=transport, pool=pool),
        sockets=Sockets(settings=settings, pool=pool, records=records),
        records=records,
        background=background,
        transport=transport,
        vitals=Vitals(settings=settings, metrics=records.metrics, health=health),
    )
