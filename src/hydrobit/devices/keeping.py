"""What the road of devices has to keep: MQTT sessions across restarts and nodes, and messages that it had to refuse.

A session belongs to its company, subject and client, and to one owner at a time: the connection that holds it, under a
name that no other connection ever has. Who takes it over says nothing to the one before; that one asks (`lost`). A
node says from time to time that its sessions live (`seen`), so that those of a node that was killed end in their time.

After a restart thousands of devices come back at once: sessions that open and close meanwhile share transactions.
"""

from collections.abc import Callable, Sequence

import msgspec

from hydrobit.devices import letters, store
from hydrobit.devices.store import Held, MqttSession, SessionKey
from hydrobit.errors import Code, Refused
from hydrobit.kit.clock import Clock
from hydrobit.kit.instants import LATEST
from hydrobit.ledger import store as ledger
from hydrobit.ledger.append import Appender
from hydrobit.operation import Caller, Context, Device, Letter
from hydrobit.settings import Settings
from hydrobit.storage.engine import Engine, Transaction

HELD_ROWS_MAX = 1_000
"""So many sessions are asked about in one question."""
OVER_ROWS_MAX = 500
"""So many sessions are deleted in one transaction."""
WAITING_MAX, TOGETHER_MAX = 20_000, 500
"""So many openings and ends wait for their transaction, and so many share one."""
SEEN_MISSED_MAX = 3
"""A session ends when its node has not said a word of it so many times."""

_read_filters = msgspec.json.Decoder(tuple[str, ...]).decode


class Opened(msgspec.Struct, frozen=True):
    """A session as its new owner finds it."""

    is_present: bool
    subscriptions: tuple[str, ...]


class Opening(msgspec.Struct, frozen=True):
    """A session that is to be opened, or taken over."""

    key: SessionKey
    owner: str
    is_clean: bool
    expiry_s: int

    @property
    def company(self) -> int:
        return self.key.company


class Ending(msgspec.Struct, frozen=True):
    """A session whose connection is gone."""

    key: SessionKey
    owner: str
    expiry_s: int

    @property
    def company(self) -> int:
        return self.key.company


class Changed(msgspec.Struct, frozen=True):
    """What became of each opening and end."""

    outcomes: list[Opened | Refused | None]


class SessionBatch:
    """Openings and ends that wait together, written in their order."""

    def __init__(self, grace_ms: int, kept_max: int) -> None:
        self._grace_ms, self._kept_max = grace_ms, kept_max

    def write(self, tx: Transaction, changes: Sequence[Opening | Ending], now: int) -> Changed:
        for company in sorted({change.company for change in changes}):
            ledger.lock_head(tx, company)
        return Changed([self._change(tx, change, now) for change in changes])

    def _change(self, tx: Transaction, change: Opening | Ending, now: int) -> Opened | Refused | None:
        if isinstance(change, Opening):
            return _open(tx, change, now, self._grace_ms, self._kept_max)
        _close(tx, change, now)
        return None

    def committed(self, written: Changed, now: int) -> None:
        """Nothing is remembered of them."""


class Keeping:
    """Each call is durable before it returns, and may be repeated. Sessions open and close from `start` to `stop`.

    `observe` is told of each transaction that openings and ends shared: how many, and how long it took.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        settings: Settings,
        observe: Callable[[int, float], None] = lambda rows, seconds: None,
    ) -> None:
        self._engine, self._clock = engine, clock
        self._grace_ms = SEEN_MISSED_MAX * settings.mqtt_seen_interval_s * 1000
        self._letters_max = settings.dead_letters_max
        self._changes = Appender(
            engine,
            clock,
            SessionBatch(self._grace_ms, settings.mqtt_kept_sessions_max),
            queue_length_max=WAITING_MAX,
            batch_rows_max=TOGETHER_MAX,
            observe=observe,
        )

    def start(self) -> None:
        self._changes.start()

    async def stop(self) -> None:
        """Writes what waits, then ends."""
        await self._changes.stop()

    async def open_session(
        self, company: int, subject: str, client_id: str, owner: str, clean: bool, expiry_s: int
    ) -> Opened:
        """Takes the session over, whoever had it. A clean one begins anew; one that was to end with its connection
        (`expiry_s` 0) is not found again.

        Raises Refused: busy; too_many_connections where too many sessions of the subject stay already.
        """
        (opened,) = await self._changes.append(
            (Opening(SessionKey(company, subject, client_id), owner, clean, expiry_s),)
        )
        if isinstance(opened, Refused):
            raise opened
        assert isinstance(opened, Opened), "an opening has an outcome"
        return opened

    async def set_subscriptions(
        self, company: int, subject: str, client_id: str, owner: str, subscriptions: Sequence[str]
    ) -> bool:
        """Whether the owner has the session still; where not, nothing is changed."""
        filters = msgspec.json.encode(subscriptions).decode()
        return await self._engine.write(_subscribe, SessionKey(company, subject, client_id), owner, filters)

    async def close_session(self, company: int, subject: str, client_id: str, owner: str, expiry_s: int) -> None:
        """The connection is gone: the session stays for so long, or ends with it (0); if the owner has it still."""
        await self._changes.append((Ending(SessionKey(company, subject, client_id), owner, expiry_s),))

    async def lost(self, held: Sequence[Held]) -> list[Held]:
        """Those that their owner has no more: taken over by another, or ended."""
        return [held[place] for place in await self._engine.look_up(_lost, held)] if held else []

    async def seen(self, held: Sequence[Held]) -> None:
        """Says that these live; what their owner has no more is passed over."""
        now = self._clock.now()
        for first in range(0, len(held), HELD_ROWS_MAX):
            await self._engine.write(store.mark_seen, held[first : first + HELD_ROWS_MAX], now, self._grace_ms)

    async def bury(
        self, caller: Caller, client_id: str, topic: str, payload: bytes, code: str, detail: str, request_id: str
    ) -> str:
        """Keeps a message that is acknowledged although it was refused, and returns its letterId.

        Raises Refused, busy, where there is no room; then it must not be acknowledged.
        """
        device_id = caller.device.device_id if caller.device is not None else None
        letter = Letter(caller.company, caller.user_id, device_id, client_id, topic, payload)
        return await self._engine.write(
            letters.keep, letter, code, detail, request_id, self._clock.now(), self._letters_max
        )

    async def device(self, company: int, device_id: str) -> Device | None:
        """The device in use; None for one that is unknown or revoked."""
        found = await self._engine.look_up(store.device, company, device_id)
        return found.as_caller if found is not None and found.revoked_at is None else None

    async def access_numbers(self, companies: Sequence[int]) -> dict[int, int]:
        """How often rights have changed in each company, those of its devices too. While the number is the one of when
        a caller was looked up (`Caller.access_no`), the caller may do what it might then.
        """
        return await self._engine.look_up(ledger.access_numbers, companies)


async def delete_over(context: Context) -> int:
    """Deletes the sessions whose time is over, some of them a transaction, and returns how many."""
    deleted, now = 0, context.clock.now()
    while done := await context.engine.write(_delete_over, now):
        deleted += done
    return deleted


def _open(tx: Transaction, opening: Opening, now: int, grace_ms: int, kept_max: int) -> Opened | Refused:
    found = store.mqtt_session(tx, opening.key)
    is_kept = found is not None and found.expiry_s > 0
    if opening.expiry_s and not is_kept and store.count_kept_sessions(tx, opening.key, kept_max) >= kept_max:
        sentence = f"{kept_max} sessions stay already; begin with a clean one that ends with its connection."
        return Refused(Code.too_many_connections, sentence)
    is_present = found is not None and not opening.is_clean and found.expiry_s > 0 and now < found.expires_at
    filters = found.subscriptions if found is not None and is_present else "[]"
    expires_at = _end(now + grace_ms, opening.expiry_s)
    held = MqttSession(opening.owner, opening.expiry_s, expires_at, filters)
    store.hold_mqtt_session(tx, opening.key, held)
    return Opened(is_present, _read_filters(filters))


def _subscribe(tx: Transaction, key: SessionKey, owner: str, filters: str) -> bool:
    ledger.lock_head(tx, key.company)
    return store.set_subscriptions(tx, key, owner, filters)


def _close(tx: Transaction, ending: Ending, now: int) -> None:
    if ending.expiry_s:
        expires_at = _end(now, ending.expiry_s)
        store.leave_mqtt_session(tx, ending.key, ending.owner, ending.expiry_s, expires_at)
    else:
        store.drop_mqtt_session(tx, ending.key, ending.owner)


def _lost(tx: Transaction, held: Sequence[Held]) -> list[int]:
    return [
        first + place
        for first in range(0, len(held), HELD_ROWS_MAX)
        for place in store.lost_mqtt_sessions(tx, held[first : first + HELD_ROWS_MAX])
    ]


def _delete_over(tx: Transaction, now: int) -> int:
    over = store.mqtt_sessions_over(tx, now, OVER_ROWS_MAX)
    for company in sorted({key.company for key in over}):
        ledger.lock_head(tx, company)
    return sum(store.drop_mqtt_session_over(tx, key, now) for key in over)


def _end(since: int, expiry_s: int) -> int:
    return min(since + expiry_s * 1000, LATEST)
