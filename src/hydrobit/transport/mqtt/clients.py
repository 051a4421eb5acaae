"""What all MQTT connections of one process share: who is let in, how many, and who has to go."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from hydrobit.errors import Code, Refused, StoreError
from hydrobit.identity.service import Identity
from hydrobit.kit.clock import Clock
from hydrobit.operation import Caller, Device
from hydrobit.settings import Settings
from hydrobit.transport.metrics import Metrics, Mqtt
from hydrobit.transport.mqtt.connection import Connection
from hydrobit.transport.mqtt.ports import Keeping, SessionKey
from hydrobit.transport.mqtt.reasons import Reason
from hydrobit.transport.mqtt.road import Fate, Road, Sender
from hydrobit.transport.mqtt.session import Limits
from hydrobit.transport.mqtt.topics import Branch

log = structlog.get_logger("hydrobit")


@dataclass(frozen=True, slots=True)
class Entry:
    """Who comes in: the caller, whose session it is, and until when (ms) the token counts."""

    caller: Caller
    subject: str
    sender: Sender
    ends_at: int | None


class Clients:
    """The connections by session. `start` watches for what changes elsewhere; `stop` ends that."""

    def __init__(
        self,
        road: Road,
        identity: Identity,
        keeping: Keeping,
        clock: Clock,
        settings: Settings,
        metrics: Metrics,
        random: Callable[[int], bytes],
    ) -> None:
        self.road, self.keeping = road, keeping
        self.limits = Limits(
            settings.mqtt_packet_bytes_max,
            settings.mqtt_receive_max,
            settings.mqtt_subscriptions_max,
            settings.mqtt_session_s_max,
            settings.mqtt_keep_alive_s_max,
        )
        self.connect_s_max = settings.mqtt_connect_s_max
        self._identity, self._clock, self._settings, self._metrics = identity, clock, settings, metrics
        self._random = random
        self._numbers, self._boot = itertools.count(1), random(8).hex()
        self._connections: dict[SessionKey, Connection] = {}
        self._of_company: Counter[int] = Counter()
        self._of_device: Counter[tuple[int, str]] = Counter()
        self._access: dict[int, int] = {}
        self._task: asyncio.Task[None] | None = None

    def now(self) -> int:
        return self._clock.now()

    def next_owner(self) -> str:
        """A name for one connection, unlike all others on all nodes."""
        return f"{self._boot}-{next(self._numbers):x}"

    def new_client_id(self) -> str:
        """An id for a client that brought none."""
        return f"auto-{self._random(10).hex()}"

    @property
    def count(self) -> int:
        return len(self._connections)

    # Who comes and goes.

    async def admit(self, token: str | None, device_id: str | None) -> Entry:
        """Who connects. Raises Refused."""
        if token is None:
            raise Refused(Code.token_missing, "Send the token as the password of CONNECT, or in x-iot-token.")
        now = self.now()
        caller = await self._identity.caller(token, now)
        if caller.role is None and caller.device is None:
            raise Refused(Code.token_invalid, "A company key counts under HTTP alone; connect with a device's token.")
        device = await self._device(caller, device_id)
        branch = Branch(caller.company_id, device.project_id, device.device_id) if device else None
        subject = f"device:{caller.device.device_id}" if caller.device else caller.user_id
        sender = Sender(token, branch, device if caller.device is None else None)
        return Entry(caller, subject, sender, self._identity.good_until(token, now))

    async def _device(self, caller: Caller, device_id: str | None) -> Device | None:
        if caller.device is not None:
            if device_id not in (None, caller.device.device_id):
                raise Refused(Code.device_mismatch, "deviceId is not the token's device.")
            return caller.device
        if device_id is None:
            return None
        found = await self.keeping.device(caller.company, device_id)
        if found is None:
            raise Refused(Code.device_not_found, f"There is no device {device_id[:100]} in use.")
        return found

    def enter(self, connection: Connection) -> None:
        """Counts a connection in, and ends the one that had the session before. Raises Refused, too_many_connections."""
        key, caller = connection.key, connection.caller
        assert key is not None and caller is not None, "who was not admitted does not enter"
        before = self._connections.get(key)
        if before is not None:
            self.leave(before)
            before.end(Reason.session_taken_over)
        device = (key.company, caller.device.device_id) if caller.device else None
        if self._of_company[key.company] >= self._settings.mqtt_company_connections_max:
            connection.key = None
            raise Refused(Code.too_many_connections, "The company has too many connections.")
        if device is not None and self._of_device[device] >= self._settings.mqtt_device_connections_max:
            connection.key = None
            raise Refused(Code.too_many_connections, "The device has too many connections.")
        self._connections[key] = connection
        self._count(connection, 1)

    def leave(self, connection: Connection) -> None:
        """Counts a connection out, once."""
        if connection.key is not None and self._connections.get(connection.key) is connection:
            del self._connections[connection.key]
            self._count(connection, -1)

    def _count(self, connection: Connection, number: int) -> None:
        key, caller = connection.key, connection.caller
        assert key is not None and caller is not None, "who was not admitted is not counted"
        self._of_company[key.company] += number
        if not self._of_company[key.company]:
            del self._of_company[key.company]
            self._access.pop(key.company, None)
        if caller.device is not None:
            device = (key.company, caller.device.device_id)
            self._of_device[device] += number
            if not self._of_device[device]:
                del self._of_device[device]

    # What the operator watches.

    def counted(self, received: int, sent: int) -> None:
        self._metrics.mqtt(Mqtt.received, received)
        self._metrics.mqtt(Mqtt.sent, sent)

    def told(self, fate: Fate) -> None:
        self._metrics.mqtt(Mqtt[fate.value])

    def buried(self) -> None:
        self._metrics.mqtt(Mqtt.dead_letters)

    # What changes elsewhere.

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch_until_stopped(), name="mqtt watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch_until_stopped(self) -> None:
        while True:
            await asyncio.sleep(self._settings.mqtt_watch_interval_s)
            if self._connections:
                try:
                    await self.watch()
                except StoreError as e:
                    log.warning("connections not looked after", error=str(e))
                except Exception:
                    log.exception("connections not looked after")

    async def watch(self) -> None:
        """Ends the connections whose session was taken over elsewhere, and those whose rights are gone."""
        owned = {key: connection.owner for key, connection in self._connections.items()}
        for key in await self.keeping.look(owned):
            connection = self._connections.get(key)
            if connection is not None and connection.owner == owned[key]:
                connection.end(Reason.session_taken_over)
        numbers = await self.keeping.access_numbers(tuple(self._of_company))
        changed = {company for company, number in numbers.items() if self._access.get(company) != number}
        for connection in [found for key, found in self._connections.items() if key.company in changed]:
            await self._judge_again(connection)
        self._access.update(numbers)

    async def _judge_again(self, connection: Connection) -> None:
        assert connection.sender is not None, "who is connected was admitted"
        try:
            await self._identity.caller(connection.sender.token, self.now())
        except Refused as refused:
            connection.end(Reason.not_authorized, f"{refused.code}: {refused.detail}")

