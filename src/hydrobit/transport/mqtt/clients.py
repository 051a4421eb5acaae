"""What all MQTT connections of one process share: who is let in, how many, and who has to go."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import structlog

from hydrobit.errors import Code, Refused, StoreError
from hydrobit.identity.service import Identity
from hydrobit.kit.clock import Clock
from hydrobit.operation import Caller, Device
from hydrobit.settings import Settings
from hydrobit.transport.metrics import Metrics, Mqtt
from hydrobit.transport.mqtt.connection import Connection, Entry
from hydrobit.transport.mqtt.ports import Keeping, SessionKey
from hydrobit.transport.mqtt.reasons import Reason
from hydrobit.transport.mqtt.road import Answered, Road, Sender
from hydrobit.transport.mqtt.session import Limits
from hydrobit.transport.room import Room

log = structlog.get_logger("hydrobit")


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
        self.room = Room(settings.bodies_bytes_max)
        """For large messages that are under way."""
        self._tasks: list[asyncio.Task[None]] = []

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

    async def admit(self, token: str | None, device_id: str | None, client_id: str) -> Entry:
        """Who connects. Raises Refused."""
        if token is None:
            raise Refused(Code.token_missing, "Send the token as the password of CONNECT, or in x-iot-token.")
        now = self.now()
        caller = await self._identity.caller(token, now)
        if caller.role is None and caller.device is None:
            raise Refused(Code.token_invalid, "A company key counts under HTTP alone; connect with a device's token.")
        device = await self._device(caller, device_id)
        branch = device.branch(caller.company_id) if device else None
        subject = f"device:{caller.device.device_id}" if caller.device else caller.user_id
        sender = Sender(token, branch, device if caller.device is None else None)
        key = SessionKey(caller.company, subject, client_id)
        return Entry(caller, key, token, sender, self._identity.good_until(token, now))

    async def _device(self, caller: Caller, device_id: str | None) -> Device | None:
        """The device of the token, or the one of the company that a user names."""
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

    def enter(self, connection: Connection, entry: Entry) -> None:
        """Counts a connection in, and ends the one that had its session. Raises Refused, too_many_connections."""
        self._check_room(entry)
        before = self._connections.get(entry.key)
        if before is not None:
            self.leave(before)
            before.end(Reason.session_taken_over)
        self._connections[entry.key] = connection
        self._count(entry, 1)

    def leave(self, connection: Connection) -> None:
        """Counts a connection out, once."""
        entry = connection.entry
        if self._connections.get(entry.key) is connection:
            del self._connections[entry.key]
            self._count(entry, -1)

    def _check_room(self, entry: Entry) -> None:
        if entry.key in self._connections:
            return  # it takes the place of the one before
        of_company, of_device = (
            self._settings.mqtt_company_connections_max,
            self._settings.mqtt_device_connections_max,
        )
        if self._of_company[entry.key.company] >= of_company:
            raise Refused(Code.too_many_connections, f"The company has {of_company} connections here; end some first.")
        if entry.device and self._of_device[entry.device] >= of_device:
            raise Refused(Code.too_many_connections, f"The device has {of_device} connections here; end one first.")

    def _count(self, entry: Entry, number: int) -> None:
        company = entry.key.company
        self._of_company[company] += number
        if not self._of_company[company]:
            del self._of_company[company]
        if entry.device is not None:
            self._of_device[entry.device] += number
            if not self._of_device[entry.device]:
                del self._of_device[entry.device]

    # What the operator watches.

    def counted(self, received: int, sent: int) -> None:
        self._metrics.mqtt(Mqtt.received, received)
        self._metrics.mqtt(Mqtt.sent, sent)

    def told(self, answers: Sequence[Answered]) -> None:
        for fate, count in Counter([answered.fate for answered in answers]).items():
            self._metrics.mqtt(Mqtt[fate], count)

    def buried(self) -> None:
        self._metrics.mqtt(Mqtt.dead_letters)

    # What changes elsewhere.

    def start(self) -> None:
        settings = self._settings
        self._tasks = [
            asyncio.create_task(self._repeat(look, interval_s), name=look.__name__)
            for look, interval_s in (
                (self.look_after_rights, settings.mqtt_watch_interval_s),
                (self.look_after_sessions, settings.mqtt_seen_interval_s),
            )
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, look: Callable[[], Awaitable[None]], interval_s: int) -> None:
        while True:
            await asyncio.sleep(interval_s)
            if self._connections:
                try:
                    await look()
                except StoreError as e:
                    log.warning("connections not looked after", error=str(e))
                except Exception:
                    log.exception("connections not looked after")

    async def look_after_sessions(self) -> None:
        """Says which sessions are connected here, and ends those that another node has taken over.

        A client that is being let in has none yet: its session may not be written.
        """
        held = [(*key, connection.owner) for key, connection in self._connections.items() if connection.has_session]
        for company, subject, client_id, owner in await self.keeping.lost(held):
            connection = self._connections.get(SessionKey(company, subject, client_id))
            if connection is not None and connection.owner == owner:
                connection.end(Reason.session_taken_over)
        await self.keeping.seen(held)

    async def look_after_rights(self) -> None:
        """Ends the connections of those who may call no more."""
        numbers = await self.keeping.access_numbers(tuple(self._of_company))
        known = [(numbers.get(key.company), connection) for key, connection in self._connections.items()]
        for number, connection in known:
            if number is not None and number != connection.access_no:
                await self._judge_again(connection)

    async def _judge_again(self, connection: Connection) -> None:
        entry = connection.entry
        try:
            caller = await self._identity.caller(entry.token, self.now())
            if entry.sender.device is not None:
                await self._device(caller, entry.sender.device.device_id)
            connection.access_no = caller.access_no
        except Refused as refused:
            connection.end(Reason.not_authorized, f"{refused.code}: {refused.detail}")
