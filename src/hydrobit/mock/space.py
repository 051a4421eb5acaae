"""One space: a store in memory of its own with the real ledger, rows and rules over it."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar, TypeVarTuple

from msgspec import Raw

from hydrobit import parts
from hydrobit.catalog import OPERATIONS
from hydrobit.errors import Code, Refused, StoreError
from hydrobit.identity.own_keys import StoreKeys
from hydrobit.kit.clock import Clock
from hydrobit.kit.instants import HOUR_MS
from hydrobit.mock import seeds
from hydrobit.mock.faults import Heard, Plan, no_faults
from hydrobit.operation import READS, Caller, Context, Letter, Operation, Reply, Source
from hydrobit.settings import Settings
from hydrobit.storage.engine import Transaction
from hydrobit.storage.memory import MemoryEngine
from hydrobit.storage.objects import in_memory
from hydrobit.transport.dispatch import Dispatcher
from hydrobit.transport.http.shell import Request
from hydrobit.transport.metrics import Metrics
from hydrobit.transport.mqtt import redelivery
from hydrobit.transport.mqtt.road import Road

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

ID_BYTES = 8
LOG_LENGTH_MAX = 200
LOG_BODY_BYTES_MAX = 4_096
LOG_PATH_LENGTH_MAX = 1_000
PAGES_BEYOND = 2
"""The database may grow to so many times what a space may hold; before a call is let in, it is looked at."""

_behind_ms: ContextVar[int] = ContextVar("behind_ms", default=0)


class BehindClock:
    """The clock of the calls of spaces: as far behind as a call's fault says."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> int:
        return self._clock.now() - _behind_ms.get()


@dataclass(frozen=True, slots=True)
class Ground:
    """What all spaces stand on."""

    settings: Settings
    clock: Clock
    random: Callable[[int], bytes]
    executor: Executor
    metrics: Metrics
    image: bytes
    rests: bool
    plan: Plan = no_faults
    one_picture: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))


class Space:
    """A store of its own, from its first call on. `log` holds its latest calls, `plan` says what faults they meet."""

    def __init__(self, ground: Ground, links: str) -> None:
        """`links` is the address below which spaces' photos are fetched."""
        settings = ground.settings
        self.id = ground.random(ID_BYTES).hex()
        self.plan: Plan = ground.plan
        self.log: deque[Heard] = deque(maxlen=LOG_LENGTH_MAX)
        self.heard = 0
        self.under_way = 0
        self.used_at = 0.0
        self.bytes = len(ground.image)
        self.owner: str | None = None
        """Who came first, and has the published session."""
        self._ground, self._object_bytes = ground, 0
        self._arrival = asyncio.Lock()
        self._engine = MemoryEngine(
            ground.executor, ground.image, PAGES_BEYOND * settings.mock_space_bytes_max, rests=ground.rests
        )
        self._objects = in_memory(f"{links}/{self.id}", settings.object_link_s)
        self._objects.one_at_a_time = ground.one_picture
        self._clock = BehindClock(ground.clock)
        self._appender = parts.lanes(self._engine, self._clock, settings, ground.random, lambda rows, seconds: None)
        self._appender.start()
        keys = parts.key_check(self._engine, settings)
        self._identity = parts.identity(self._engine, settings, StoreKeys(self._engine), None, keys)
        context = Context(
            self._engine,
            self._appender,
            self._clock,
            settings,
            ground.random,
            self._objects,
            redeliver=self._redeliver,
        )
        self.dispatcher = Dispatcher(context, self._identity, ground.metrics)
        self.fetch = parts.fetching(context)

    def hear(self, operation: Operation, request: Request, digest: str) -> Heard:
        """Writes a call into the log before anything is done; `digest` is that of its body."""
        self.heard += 1
        heard = Heard(
            number=self.heard,
            operation=operation.name,
            method=request.method,
            path=request.path[:LOG_PATH_LENGTH_MAX],
            query=request.query[:LOG_PATH_LENGTH_MAX].decode("latin-1"),
            body=request.body[:LOG_BODY_BYTES_MAX],
            body_length=len(request.body),
            digest=digest,
            began=time.monotonic(),
        )
        self.log.append(heard)
        return heard

    async def answer(
        self,
        operation: Operation,
        user_id: str,
        path: Mapping[str, str],
        query: Mapping[str, str] | Refused,
        body: bytes,
        hours_behind: int = 0,
    ) -> tuple[Reply, str]:
        """The reply of the real house, whole, and the id of the request."""
        request_id = self.dispatcher.next_request_id()
        token = _behind_ms.set(hours_behind * HOUR_MS)
        try:
            if operation.http.method not in READS:
                self._require_room()
            caller = await self.caller(user_id)
            reply = await _whole(
                await self.dispatcher.answer(operation, request_id, caller, path, query, body, Source.http)
            )
        except Refused as refused:
            reply = self.dispatcher.refuse(refused, request_id, operation.name)
        except StoreError as e:
            away = Refused(Code.unavailable, f"The space's store failed: {e}; go on in a new one.")
            reply = self.dispatcher.refuse(away, request_id, operation.name)
        finally:
            _behind_ms.reset(token)
        await self._weigh(operation, len(body))
        return reply, request_id

    async def caller(self, user_id: str) -> Caller:
        """Who calls; the first of the company finds the published session open, and owns it.

        Raises Refused, no_company.
        """
        now = self._ground.clock.now()
        async with self._arrival:
            found = await self._engine.write(seeds.calling, user_id, now)
            if self.owner is None and found.company == seeds.COMPANY_NO:
                await self._engine.write(seeds.welcome, found, now, self._ground.random)
                self.owner = user_id
        return found

    async def read(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        """Runs a unit on the space's store, for whoever looks at what a client made it hold."""
        return await self._engine.read(unit, *args)

    async def stop(self) -> None:
        """Ends what runs and gives the memory back."""
        await self._appender.stop()
        await self._engine.stop()
        self._objects.stop()

    def _require_room(self) -> None:
        most = self._ground.settings.mock_space_bytes_max
        if self.bytes > most:
            raise Refused(
                Code.mock_space_full,
                f"The space holds {self.bytes} bytes, and may hold {most}; go on in a new one, with another "
                "x-mock-space.",
            )

    async def _weigh(self, operation: Operation, body_length: int) -> None:
        """A photo in memory is never larger than the body that brought it."""
        if operation.body_limit in ("worker_body_bytes_max", "form_body_bytes_max"):
            self._object_bytes += body_length
        logged = sum(heard.weight for heard in self.log)
        self.bytes = await self._engine.length() + self._object_bytes + logged

    async def _redeliver(self, letter: Letter) -> Reply:
        limits = partial(parts.message_bytes_max, self._ground.settings)
        road = Road(OPERATIONS, self.dispatcher, limits)
        return await redelivery.redeliver(road, self.dispatcher, self._identity, letter)


async def _whole(reply: Reply) -> Reply:
    """A reply that is made piece by piece, put together: a space may be gone before a slow reader is done."""
    if reply.parts is None:
        return reply
    return Reply(reply.status, Raw(b"".join([part async for part in reply.parts])))
