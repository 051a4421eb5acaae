"""The composition root: from settings to a running server, read from top to bottom."""

import gc
import os
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from hydrobit import catalog, parts
from hydrobit.company_keys.check import KeyCheck
from hydrobit.devices.keeping import Keeping
from hydrobit.errors import Refused, StoreError
from hydrobit.identity import own_keys
from hydrobit.identity import store as identity_store
from hydrobit.identity.service import Identity
from hydrobit.job import Job
from hydrobit.kit import ids
from hydrobit.kit.clock import Clock, SystemClock
from hydrobit.ledger import store as ledger
from hydrobit.operation import Context, Letter, Reply
from hydrobit.publish import asyncapi, openapi
from hydrobit.publish.site import site
from hydrobit.publish.site.addresses import CARRIED, DOCS
from hydrobit.publish.site.trying import MOCK
from hydrobit.settings import Settings
from hydrobit.storage import agreement, directory, stores
from hydrobit.storage.engine import Transaction
from hydrobit.storage.objects import PATH as OBJECTS_PATH
from hydrobit.storage.objects import open_objects
from hydrobit.transport.clock import JobClock
from hydrobit.transport.dispatch import Dispatcher
from hydrobit.transport.http.endpoints import endpoints, to_answer
from hydrobit.transport.http.pages import Document, MadePage, ObjectPage, pages
from hydrobit.transport.http.server import Server, build
from hydrobit.transport.http.shell import Answer, Endpoint, Routes, Shell
from hydrobit.transport.metrics import Metrics
from hydrobit.transport.mqtt import redelivery, tcp, websocket
from hydrobit.transport.mqtt.clients import Clients
from hydrobit.transport.mqtt.road import Road
from hydrobit.transport.mqtt.websocket import Door
from hydrobit.wire.envelope import encode

if TYPE_CHECKING:
    from hydrobit.identity.jwks import RemoteKeys

log = structlog.get_logger("hydrobit")

START_WAIT_MS = 60_000
"""How long a start waits for another node that migrates the store."""
SITE_POLICY = b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
GC_YOUNG_OBJECTS = 50_000
"""Requests leave few cycles behind; looking for them less often takes a third off the slowest answers."""


@dataclass(frozen=True, slots=True)
class Place:
    """What one of several processes has from the one that started it: a socket that listens, the folder with the
    numbers of all, and its own number from 0 on.
    """

    listening: socket.socket
    numbers: Path
    number: int


async def serve(
    settings: Settings,
    *,
    clock: Clock | None = None,
    random: Callable[[int], bytes] = os.urandom,
    started: Callable[[int], None] = lambda port: None,
    place: Place | None = None,
) -> None:
    """Runs the server until SIGTERM or SIGINT; `started` is told the port once it listens.

    `place` is that of one process among several (`processes`).

    Raises StoreInUse, StoreTooNew or StoreError when the directory cannot be served.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        directory.prepare(settings.data)
        if not settings.database_url:  # on PostgreSQL several servers may share one directory
            stack.callback(directory.lock(settings.data).close)
        bring_up(settings, clock, lambda tx, now: begin_life(tx, now, random))
        agree(settings, clock)

        engine = stores.open_engine(settings)
        stack.push_async_callback(engine.stop)

        metrics = Metrics(place.numbers, place.number) if place else Metrics()
        appender = parts.lanes(engine, clock, settings, random, metrics.commit)
        metrics.queue_length = lambda: appender.queue_length
        appender.start()
        stack.push_async_callback(appender.stop)

        own = own_keys.StoreKeys(engine)
        remote = await _remote_keys(settings, stack)
        keys = parts.key_check(engine, settings)
        stack.push_async_callback(keys.write_uses)
        identity = parts.identity(engine, settings, own, remote, keys)

        objects = open_objects(settings)
        stack.callback(objects.stop)
        await objects.check()

        async def redeliver(letter: Letter) -> Reply:  # by the road below, which needs the context first
            return await redelivery.redeliver(road, dispatcher, identity, letter)

        context = Context(engine, appender, clock, settings, random, objects, redeliver=redeliver)
        jobs = JobClock((*catalog.JOBS, _key_uses(keys)), context)
        jobs.start()
        stack.push_async_callback(jobs.stop)

        dispatcher = Dispatcher(context, identity, metrics)
        road = Road(catalog.OPERATIONS, dispatcher, partial(parts.message_bytes_max, settings))
        keeping = Keeping(engine, clock, settings)
        keeping.start()
        stack.push_async_callback(keeping.stop)
        clients = Clients(road, identity, keeping, clock, settings, metrics, random)
        metrics.mqtt_connections = lambda: clients.count
        clients.start()
        stack.push_async_callback(clients.stop)

        if settings.broker_url:
            await _attach(settings, road, identity, keeping, clock, metrics, place, stack)

        beside = _mock(settings, clock, random, stack) if place is None else {}
        server = _http_server(
            context,
            dispatcher,
            clients,
            metrics,
            beside,
            started,
            stopping=partial(engine.end_within, settings.stop_s_max),
        )
        await _listen_for_mqtt(settings, clients, server, stack, shares_port=place is not None)
        settle_memory()
        await server.serve([place.listening] if place else None)
        log.info("stopping")


async def _listen_for_mqtt(
    settings: Settings, clients: Clients, server: Server, stack: AsyncExitStack, *, shares_port: bool
) -> None:
    if not settings.mqtt_listen:
        return
    connections = server.server_state.connections

    def make() -> tcp.Tcp:
        return tcp.Tcp(clients, connections, settings.keep_alive_s, server.connections_max)

    listener = await tcp.listen(settings, make, shares_port=shares_port)
    stack.callback(listener.close)
    log.info("mqtt listens", port=listener.sockets[0].getsockname()[1])


async def _attach(
    settings: Settings,
    road: Road,
    identity: Identity,
    keeping: Keeping,
    clock: Clock,
    metrics: Metrics,
    place: Place | None,
    stack: AsyncExitStack,
) -> None:
    """Takes messages from the broker, under a name that is this process's own after each start."""
    from hydrobit.transport.mqtt.broker import Broker  # paho is for those with a broker alone

    name = settings.broker_client_id or socket.gethostname()
    client_id = f"hydrobit-{name}" if place is None else f"hydrobit-{name}-{place.number}"
    broker = Broker(settings, client_id, road, identity, keeping, clock, metrics)
    metrics.broker_connections = lambda: int(broker.is_attached)
    broker.start()
    stack.push_async_callback(broker.stop)


def _mock(
    settings: Settings, clock: Clock, random: Callable[[int], bytes], stack: AsyncExitStack
) -> dict[tuple[str, str], Endpoint]:
    """The mock's endpoints beside the real ones, over stores of their own.

    Several processes on a port would answer one client from as many spaces; `hydrobit mock` is for them.
    """
    if not settings.mock:
        return {}
    from hydrobit.mock import endpoints as mock
    from hydrobit.mock.spaces import Spaces

    spaces = Spaces(settings, clock, random, prefix=MOCK, rests=True)
    stack.push_async_callback(spaces.stop)
    return mock.endpoints(spaces, settings, mock.refusing(settings))


def _key_uses(keys: KeyCheck) -> Job:
    """The one job that needs more than the context: what it writes is remembered where keys are checked."""
    return Job(
        name="write-key-uses",
        summary="Writes when company keys were last used.",
        interval="key_use_interval_s",
        run=lambda context: keys.write_uses(),
    )


def bring_up(
    settings: Settings, clock: Clock, on_backup: Callable[[Transaction, int], None] | None = None
) -> list[str]:
    """Migrates the store and returns the names of what was applied; safe to repeat.

    `on_backup` is what a server does before a restored backup becomes its store.
    """
    with closing(stores.open_store(_patient(settings))) as store:
        applied = store.write(directory.bring_up, clock.now(), on_backup)
    return [migration.name for migration in applied]


def agree(settings: Settings, clock: Clock) -> None:
    """Finds, or says first, that this node has the keys of all nodes and keeps objects where they do; safe to repeat.

    Raises SettingError, with what to do about it.
    """
    is_alone = not settings.database_url
    with closing(stores.open_store(_patient(settings))) as store:
        own_keys.settle(store, directory.signing_key(settings), clock.now(), is_alone=is_alone)
        if not is_alone:
            agreement.settle(store, settings)


def _patient(settings: Settings) -> Settings:
    """While one node brings the store up, the others wait for it."""
    return replace(settings, store_busy_ms_max=max(settings.store_busy_ms_max, START_WAIT_MS))


def begin_life(tx: Transaction, now: int, random: Callable[[int], bytes]) -> None:
    """Gives every company of a restored backup a new prefix for its ids."""
    for company in ledger.companies(tx):
        ledger.begin_life(tx, company, ids.new_prefix(random), now)


async def _remote_keys(settings: Settings, stack: AsyncExitStack) -> "RemoteKeys | None":
    if not settings.oidc_jwks_url:
        return None
    import httpx  # takes long to import, and is for those with an issuer of their own alone

    from hydrobit.identity.jwks import RemoteKeys

    client = await stack.enter_async_context(httpx.AsyncClient(follow_redirects=False))
    remote = RemoteKeys(settings, client)
    stack.push_async_callback(remote.stop)
    return remote


def _http_server(
    context: Context,
    dispatcher: Dispatcher,
    clients: Clients,
    metrics: Metrics,
    beside: dict[tuple[str, str], Endpoint],
    started: Callable[[int], None],
    stopping: Callable[[], None],
) -> Server:
    settings = context.settings
    retry_after = (b"retry-after", b"%d" % settings.retry_after_s)

    def refuse(refused: Refused, path: str) -> Answer:
        request_id = dispatcher.next_request_id()
        reply = dispatcher.refuse(refused, request_id, path)
        metrics.count("none", reply.status)
        return to_answer(reply, request_id, retry_after)

    async def is_ready() -> bool:
        try:
            await context.engine.look_up(identity_store.is_empty)  # one row, for anybody may ask at any time
        except StoreError:
            return False
        return True

    async def shown_keys() -> bytes:
        keys = await context.engine.look_up(identity_store.signing_keys) if settings.local_tokens else []
        return own_keys.key_set(keys)

    documents = _documents(settings) | _site(has_mock=bool(beside))
    routes = Routes(
        endpoints(catalog.OPERATIONS, dispatcher, settings)
        | pages(settings, metrics, refuse, is_ready, shown_keys, documents)
        | {("GET", f"{OBJECTS_PATH}/{{company}}/{{digest}}"): ObjectPage(parts.fetching(context), refuse)}
        | beside
    )
    server = build(
        Shell(
            routes,
            refuse,
            front=MadePage(documents[DOCS]),
            cors_origins=settings.cors_origins,
            bodies_bytes_max=settings.bodies_bytes_max,
        ),
        settings,
        refuse,
        started,
        stopping,
        metrics.show_gauges,
        websocket.protocol(
            Door(
                clients,
                lambda path: routes.find(path) is not None and not path.startswith(MOCK),  # which speaks no MQTT
                lambda refused, path: refuse(refused, path).body,
                settings.cors_origins,
                settings.keep_alive_s,
            )
        ),
    )
    metrics.connections = lambda: server.connection_count
    return server


def _site(*, has_mock: bool) -> dict[str, Document]:
    """The documentation site by its paths. It asks nobody but this server, and no browser lets it."""
    headers = ((b"content-security-policy", SITE_POLICY), (b"referrer-policy", b"no-referrer"))
    return {
        path: Document(made.make, made.content_type, made.cache_control, headers)
        for path, made in site.made(catalog.OPERATIONS, CARRIED, has_mock=has_mock).items()
    }


def _documents(settings: Settings) -> dict[str, Document]:
    """The derived documents by their paths, made when somebody asks for them."""

    @cache
    def calls() -> dict[str, Any]:
        return openapi.document(catalog.OPERATIONS, version("hydrobit"))

    @cache
    def messages() -> dict[str, Any]:
        return asyncapi.document(catalog.OPERATIONS, settings, version("hydrobit"))

    return {
        "/openapi.json": Document(lambda: encode(calls()), b"application/json"),
        "/openapi.yaml": Document(lambda: _as_yaml(calls()), b"application/yaml"),
        "/asyncapi.json": Document(lambda: encode(messages()), b"application/json"),
        "/asyncapi.yaml": Document(lambda: _as_yaml(messages()), b"application/yaml"),
    }


def _as_yaml(described: dict[str, Any]) -> bytes:
    import yaml  # only when somebody asks for it

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(described, Dumper=dumper, sort_keys=False, allow_unicode=True).encode()


def settle_memory() -> None:
    """What was made at the start stays: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_YOUNG_OBJECTS, 20, 100)
