"""The house without a road: the rows of the table, called in this process over a real store, at a time that is set."""

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from hydrobit import app, catalog
from hydrobit.cli.store import verify_everything
from hydrobit.demo import company as demo
from hydrobit.errors import Refused
from hydrobit.kit.clock import Clock
from hydrobit.kit.instants import HOUR_MS, read_instant
from hydrobit.ledger.append import Appender, Appenders
from hydrobit.ledger.verify import Verified
from hydrobit.operation import Call, Caller, Context, Operation, Role, Source
from hydrobit.records.batch import RecordBatch
from hydrobit.settings import Settings
from hydrobit.storage import directory, stores
from hydrobit.storage.engine import Engine
from hydrobit.storage.objects import open_objects
from hydrobit.wire import envelope
from tests import buckets, engines

BUSY_MS_MAX = 5_000
DAWN = read_instant("2025-10-19T14:00:00.000Z")
ADMIN = Caller(demo.ADMIN, 1, demo.COMPANY, Role.admin)
SUPERVISOR = Caller(demo.SUPERVISOR, 1, demo.COMPANY, Role.supervisor)
NEIGHBOUR = Caller(demo.OTHER_USER, 2, demo.OTHER_COMPANY, Role.admin)
_ROWS: dict[str, Operation] = {row.name: row for row in catalog.OPERATIONS}


class MovedClock:
    """Fits `hydrobit.kit.clock.Clock`. It stands still until the test moves it; an instant in milliseconds."""

    def __init__(self, now: int = DAWN) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def forward(self, milliseconds: int) -> None:
        self._now += milliseconds

    def forward_hours(self, hours: float) -> None:
        self._now += int(hours * HOUR_MS)


@dataclass(frozen=True)
class Answer:
    """What a caller gets: the status and the body as JSON, with every number exact."""

    status: int
    body: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.body["data"]
        return data

    @property
    def code(self) -> str | None:
        return self.body.get("code")


class House:
    """The parts that `app` puts together, without identity and roads."""

    def __init__(self, data: Path, clock: MovedClock, settings: Settings, engine: Engine) -> None:
        self.data, self.clock, self.engine = data, clock, engine
        lane = Appender(
            engine,
            clock,
            RecordBatch(os.urandom, settings.facts_age_s_max * 1000),
            queue_length_max=settings.queue_length_max,
            batch_rows_max=settings.batch_rows_max,
        )
        self.appender = Appenders([lane])
        self.objects = open_objects(replace(settings, objects_url=buckets.url_of(data) or "memory://"))
        self.context = Context(engine, self.appender, clock, settings, os.urandom, self.objects)

    async def call(
        self,
        name: str,
        caller: Caller,
        body: Mapping[str, Any] | None = None,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Calls an operation as the dispatcher does once it knows the caller."""
        row = _ROWS[name]
        try:
            shape, ignored = row.request.decode(json.dumps(body).encode()) if row.request else (None, ())
            call = Call(caller, shape, path or {}, query or {}, Source.http, self.clock.now(), ignored)
            reply = await row.handler(self.context, call)
            if reply.parts is not None:
                whole = b"".join([part async for part in reply.parts])
                return Answer(reply.status, json.loads(whole, parse_float=Decimal))
        except Refused as refused:
            return Answer(refused.status, _plain(envelope.error(refused, "test")))
        return Answer(reply.status, {} if reply.body is None else _plain(reply.body))

    async def run_jobs(self) -> None:
        for job in catalog.JOBS:
            await job.run(self.context)

    def verify(self) -> list[Verified]:
        """What `hydrobit verify` finds beside the house. Raises LedgerBroken."""
        return verify(self.data)


@asynccontextmanager
async def running(data: Path, clock: MovedClock, **settings: Any) -> AsyncIterator[House]:
    """A house on a data directory with the demo company; a backup begins a new life here, as under a server."""
    prepare(data, clock)
    chosen = engines.settings(data, **{"reader_connections": 1} | settings)
    app.bring_up(chosen, clock, lambda tx, now: app.begin_life(tx, now, os.urandom))
    engine = stores.open_engine(chosen)
    house = House(data, clock, chosen, engine)
    house.appender.start()
    try:
        yield house
    finally:
        await house.appender.stop()
        house.objects.stop()
        await engine.stop()


def prepare(data: Path, clock: Clock) -> None:
    """Makes a store with the demo company where there is none."""
    directory.prepare(data)
    if engines.is_new(data):
        engines.copy(_prepared(engines.current(), clock.now()), data)
        return
    app.bring_up(engines.settings(data), clock)
    with engines.opened(data) as store:
        store.write(demo.add_demo, clock.now(), os.urandom)


@cache
def _prepared(engine: str, now: int) -> Path:
    """Such a store, made once for all that begin at this time: its tables take longer than most tests."""
    data = Path(tempfile.mkdtemp(prefix="hydrobit-prepared-"))
    atexit.register(shutil.rmtree, data)
    with engines.chosen(engine):
        engines.url_of(data)  # from here on it is no new one
    prepare(data, MovedClock(now))
    return data


def verify(data: Path) -> list[Verified]:
    """What `hydrobit verify` finds in a directory. Raises LedgerBroken."""
    with engines.opened(data) as store:
        return verify_everything(store)


def _plain(shape: object) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(envelope.encode(shape), parse_float=Decimal)
    return body
