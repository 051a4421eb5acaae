"""What the server and the mock put together alike, whatever store stands below."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from hydrobit.company_keys.check import KeyCheck
from hydrobit.identity import own_keys
from hydrobit.identity.service import Identity
from hydrobit.identity.verify import Verifier
from hydrobit.kit.clock import Clock
from hydrobit.ledger.append import Appender, Appenders
from hydrobit.objects import service as object_service
from hydrobit.operation import Context, Operation
from hydrobit.records.batch import RecordBatch
from hydrobit.settings import Settings
from hydrobit.storage.engine import Engine
from hydrobit.transport.http.pages import Fetched

if TYPE_CHECKING:
    from hydrobit.identity.jwks import RemoteKeys

log = structlog.get_logger("hydrobit")

Fetch = Callable[[int, str, int, str], Awaitable[Fetched | None]]


def lanes(
    engine: Engine,
    clock: Clock,
    settings: Settings,
    random: Callable[[int], bytes],
    observe: Callable[[int, float], None],
) -> Appenders:
    """The road by which records and voids enter the ledger."""
    count = settings.writer_connections if settings.database_url else 1  # a file has one writer
    batch = RecordBatch(random, settings.facts_age_s_max * 1000)
    return Appenders(
        [
            Appender(
                engine,
                clock,
                batch,
                queue_length_max=max(1, settings.queue_length_max // count),
                batch_rows_max=settings.batch_rows_max,
                observe=observe,
            )
            for _ in range(count)
        ]
    )


def identity(
    engine: Engine, settings: Settings, own: own_keys.StoreKeys, remote: "RemoteKeys | None", keys: KeyCheck
) -> Identity:
    """Who calls, by all that is believed."""
    return Identity(
        engine,
        Verifier(settings, own, remote),
        keys,
        facts_age_s_max=settings.facts_age_s_max,
        length_max=settings.token_cache_length_max,
    )


def key_check(engine: Engine, settings: Settings) -> KeyCheck:
    """Which company keys count."""
    return KeyCheck(engine, facts_age_s_max=settings.facts_age_s_max, length_max=settings.token_cache_length_max)


def message_bytes_max(settings: Settings, operation: Operation) -> int:
    """The greatest message that a row takes: never more than fits into a packet."""
    of_row: int = getattr(settings, operation.body_limit)
    return min(settings.mqtt_packet_bytes_max, of_row)


def fetching(context: Context) -> Fetch:
    """What brings the object that a signed link names."""

    async def fetch(company: int, digest: str, until: int, signature: str) -> Fetched | None:
        objects = context.objects
        if not objects.is_signed(company, digest, until, signature) or until * 1000 < context.clock.now():
            return None
        found = await context.engine.read(object_service.find, company, digest)
        if found is None:
            return None
        chunks = await objects.open(found.place)
        if chunks is None:
            log.error("object is named but not there", place=found.place)
            return None
        return Fetched(found.content_type, found.length, chunks)

    return fetch
