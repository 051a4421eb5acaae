"""Messages from a broker that is there already: taken, answered like those of our own clients, acknowledged after that.

The broker's clients are not known to us, so that each message carries its device's token (`tokens`). The device has
its acknowledgement from the broker, which means that the broker has the message; only the reply proves the commit.

The messages of one device stay in order; different devices do not wait for each other. A message that must come again
is kept here and tried again, because a broker sends nothing again on a connection that lasts.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from uuid import uuid4

import structlog

from hydrobit.errors import Refused, StoreError
from hydrobit.identity.service import Identity
from hydrobit.kit.clock import Clock
from hydrobit.operation import BRANCH, Caller
from hydrobit.settings import Settings
from hydrobit.transport.metrics import Metrics, Mqtt
from hydrobit.transport.mqtt.filters import is_below
from hydrobit.transport.mqtt.link import Arrived, Connected, Event, Granted, Link, Lost, Taken
from hydrobit.transport.mqtt.ports import Keeping
from hydrobit.transport.mqtt.replies import facts_of, not_own, told
from hydrobit.transport.mqtt.road import TOGETHER_MAX, Answered, Fate, Message, Road, Sender
from hydrobit.transport.mqtt.tokens import sender_said, take_token
from hydrobit.transport.mqtt.topics import REPLIES, replies_of

log = structlog.get_logger("hydrobit")

SHARE = "$share/hydrobit/"
PROBE = "hydrobit/probe/"
PROBE_S_MAX = 3
"""How long a broker may take to deliver what proves its shared subscriptions."""
PROBE_TURNS_MAX = 20
"""So often it is waited for so long, where a kept session still delivers what it has held."""
PAUSE_S_MIN, PAUSE_S_MAX = 0.2, 10.0
"""Before what failed is tried again; each pause is twice the one before."""
DROPPED_LOG_S_MIN = 60
"""The log says at most so often that messages were dropped."""
SHORT_S, SHORT_MAX = 10.0, 3
"""After so many connections in a row that lasted no longer, the log says what may be wrong."""
_BRANCH_LEVELS = 4
"""So many levels a device's branch has."""


class Held:
    """A message from its arrival to its acknowledgement, the token apart. `lane` is what it keeps its order in."""

    __slots__ = ("arrived", "is_done", "lane", "payload", "token")

    def __init__(self, arrived: Arrived, lane: str, token: str, payload: bytes) -> None:
        self.arrived, self.lane, self.token, self.payload = arrived, lane, token, payload
        self.is_done = False


class Broker:
    """One process's place at the broker, from `start` to `stop`."""

    def __init__(
        self,
        settings: Settings,
        client_id: str,
        road: Road,
        identity: Identity,
        keeping: Keeping,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._settings, self._client_id = settings, client_id
        self._road, self._identity, self._keeping, self._clock, self._metrics = road, identity, keeping, clock, metrics
        self._link = Link(settings, client_id, self._tell)
        self._is_connected, self.is_attached = False, False
        self._connected_at, self._short = 0.0, 0
        self._is_shared: bool | None = None
        self._kept_from = 0
        """Messages of connections before this one come again, unless they are under way."""
        self._held: deque[Held] = deque()
        """All that is not acknowledged, in the order of arrival."""
        self._lanes: dict[str, deque[Held]] = {}
        """What waits, by who sent it."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._pausing: set[str] = set()
        """Who waits for another try; acknowledgements of others pass by their messages."""
        self._replies: dict[int, Held] = {}
        """Messages whose reply is on its way, by the number of the reply."""
        self._grants: dict[int, asyncio.Future[bool]] = {}
        self._attaching: asyncio.Task[None] | None = None
        self._probe: tuple[str, asyncio.Event] | None = None
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._arrivals = 0
        self._dropped, self._dropped_said = 0, -float(DROPPED_LOG_S_MIN)

    def start(self) -> None:
        log.info("broker", place=self._link.place, client_id=self._client_id, session=self._settings.broker_session)
        self._link.open()

    async def stop(self) -> None:
        """Takes nothing more, finishes and acknowledges what is under way, and leaves; the rest comes again."""
        self._stopping.set()
        self._acknowledge()
        if self._attaching is not None:
            self._attaching.cancel()
        try:
            async with asyncio.timeout(self._settings.stop_s_max):
                await self._until(lambda: not self._tasks)
                await self._until(lambda: not (self._replies and self._is_connected))
                self._link.close()
                await self._until(lambda: not self._is_connected)
        except TimeoutError:
            log.warning("the broker did not answer in time", place=self._link.place)
            self._link.close()

    async def _until(self, happened: Callable[[], bool]) -> None:
        while not happened():
            self._changed.clear()
            await self._changed.wait()

    # What the link tells.

    def _tell(self, event: Event) -> None:
        match event:
            case Arrived():
                self._arrived(event)
            case Taken():
                held = self._replies.pop(event.number, None)
                if held is not None:
                    self._done(held)
            case Granted():
                grant = self._grants.pop(event.number, None)
                if grant is not None and not grant.done():
                    grant.set_result(event.is_granted)
            case Connected():
                self._connected(event)
            case Lost():
                self._lost(event)
        self._changed.set()

    def _connected(self, event: Connected) -> None:
        self._is_connected, self._connected_at = True, time.monotonic()
        if event.is_present:
            self._forget_what_comes_again(event.connection)
        if not self._stopping.is_set():
            self._attaching = asyncio.create_task(self._attach(event))

    def _forget_what_comes_again(self, connection: int) -> None:
        """The broker sends anew what was not acknowledged. What is under way is answered, and then a second time."""
        self._kept_from = connection
        for name, lane in self._lanes.items():
            self._lanes[name] = deque(held for held in lane if held.arrived.connection >= connection)
        self._held = deque(held for held in self._held if held.arrived.connection >= connection)
        self._replies.clear()

    def _lost(self, event: Lost) -> None:
        if self._attaching is not None:
            self._attaching.cancel()
            self._attaching = None
        for grant in self._grants.values():
            grant.cancel()
        self._grants.clear()
        was_connected, self._is_connected, self.is_attached = self._is_connected, False, False
        if self._stopping.is_set():
            return
        log.warning("broker not connected", place=self._link.place, reason=event.reason)
        if was_connected:
            self._short = self._short + 1 if time.monotonic() - self._connected_at < SHORT_S else 0
        if was_connected and self._short >= SHORT_MAX:
            log.error(
                "the broker ends each connection soon; perhaps another process has the same name there: set "
                "HYDROBIT_BROKER_CLIENT_ID to another one on each node",
                client_id=self._client_id,
            )

    # Subscribing.

    async def _attach(self, event: Connected) -> None:
        """Subscribes, again and again until the broker grants it."""
        if not event.is_present:  # what is left of before comes from nobody again, so that it stays, and has a bound
            most = self._settings.mqtt_receive_max // 2
            await self._until(lambda: self._count_before(event.connection) <= most)
        if self._is_shared is None:
            self._is_shared = await self._prove_shared()
        pause = PAUSE_S_MIN
        while not await self._subscribe_all():
            log.error("the broker refuses a subscription", filters=self._settings.broker_topics)
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_S_MAX)
        self.is_attached = True
        log.info("broker connected", place=self._link.place, shared=self._is_shared, was_kept=event.is_present)

    def _count_before(self, connection: int) -> int:
        return sum(held.arrived.connection < connection for held in self._held)

    async def _subscribe_all(self) -> bool:
        chosen, other = (SHARE, "") if self._is_shared else ("", SHARE)
        granted = [await self._subscribe(chosen + wanted) for wanted in self._settings.broker_topics]
        for wanted in self._settings.broker_topics:  # an earlier start may have left it in the session
            self._link.unsubscribe(other + wanted)
        return all(granted)

    async def _subscribe(self, wanted: str) -> bool:
        grant: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        number = self._link.subscribe(wanted)
        if number is not None:  # else the connection is gone, and `Lost`, which ends this task, is on its way
            self._grants[number] = grant
        return await grant

    async def _prove_shared(self) -> bool:
        """Whether the broker delivers what comes under a shared subscription; some grant it and deliver nothing."""
        unique = uuid4().hex
        topic, wanted = PROBE + unique, f"$share/{unique}/{PROBE}{unique}"
        came = asyncio.Event()
        self._probe = topic, came
        if await self._subscribe(wanted):
            self._link.publish(topic, b"")
            await self._come(came)
        self._probe = None
        self._link.unsubscribe(wanted)
        if not came.is_set():
            log.warning(
                "the broker delivers nothing under a shared subscription, so that every node takes every message; "
                "each counts once nevertheless",
                place=self._link.place,
            )
        return came.is_set()

    async def _come(self, probe: asyncio.Event) -> None:
        """Waits for the probe, which a kept session delivers behind all that it has held."""
        for _ in range(PROBE_TURNS_MAX):
            before = self._arrivals
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(probe.wait(), PROBE_S_MAX)
            if probe.is_set() or (self._arrivals == before and not self._held):
                return

    # Messages.

    def _arrived(self, message: Arrived) -> None:
        if self._stopping.is_set():
            return
        self._arrivals += 1
        if self._probe is not None and message.topic == self._probe[0]:
            self._probe[1].set()
        if _is_reply(message.topic) or message.topic.startswith(PROBE):
            self._link.acknowledge(message)
            return
        if not message.qos and len(self._held) >= self._settings.mqtt_receive_max:
            self._metrics.mqtt(Mqtt.passing)  # nothing keeps its sender from sending more; it is best effort
            return
        token, payload = take_token(message)
        name = sender_said(token)
        held = Held(message, name or "", token, payload)
        self._held.append(held)
        if name is None:
            self._drop(held)
            return
        self._lanes.setdefault(name, deque()).append(held)
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(self._work(name))

    def _drop(self, held: Held) -> None:
        """A message that belongs to nobody: no company could be told of it."""
        self._metrics.mqtt(Mqtt.dropped)
        self._dropped += 1
        now = time.monotonic()
        if now - self._dropped_said >= DROPPED_LOG_S_MIN:
            log.warning("messages without a token of a device were dropped", count=self._dropped)
            self._dropped, self._dropped_said = 0, now
        self._done(held)

    def _done(self, held: Held) -> None:
        held.is_done = True
        self._acknowledge()

    def _acknowledge(self) -> None:
        """Acknowledges what is done, in the order of arrival (MQTT 5, 4.6). What waits for another try is passed by,
        and so is at a stop whatever comes again.
        """
        passed = []
        while self._held:
            held = self._held[0]
            if not (held.is_done or held.lane in self._pausing or self._stopping.is_set()):
                break
            self._held.popleft()
            if held.is_done:
                self._link.acknowledge(held.arrived)
            else:
                passed.append(held)
        self._held.extendleft(reversed(passed))

    # The work of one sender.

    async def _work(self, name: str) -> None:
        """Answers what waits of one sender, in its order."""
        pause = PAUSE_S_MIN
        while self._lanes[name] and not self._stopping.is_set():
            taken = self._take(name)
            try:
                await self._answer(taken)
            except Refused as refused:  # the letter has no room, or the keys are not to be had
                log.warning("messages wait", code=refused.code)
            except StoreError as e:
                log.warning("messages wait", error=str(e))
            except Exception:
                log.exception("messages wait")
            still = [held for held in taken if held.arrived.connection >= self._kept_from]
            self._lanes[name].extendleft(reversed(still))
            if taken:
                await self._pause(name, pause)
            pause = min(2 * pause, PAUSE_S_MAX) if taken else PAUSE_S_MIN
        del self._lanes[name], self._tasks[name]
        self._changed.set()

    def _take(self, name: str) -> deque[Held]:
        """The messages at the front that one token came with."""
        lane, taken = self._lanes[name], deque[Held]()
        while lane and len(taken) < TOGETHER_MAX and lane[0].token == (taken or lane)[0].token:
            taken.append(lane.popleft())
        return taken

    async def _pause(self, name: str, seconds: float) -> None:
        self._pausing.add(name)
        self._acknowledge()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        self._pausing.discard(name)

    async def _answer(self, taken: deque[Held]) -> None:
        """Answers messages from the front on and takes out each that is settled; what is left must come again."""
        token, now = taken[0].token, self._clock.now()
        try:
            caller = self._identity.known(token, now) or await self._identity.caller(token, now)
        except Refused as refused:
            if refused.status not in (401, 403):
                raise
            await self._put_aside(taken, refused)
            return
        device = caller.device
        assert device is not None, "a token of this type is a device's"
        sender = Sender(token, device.branch(caller.company_id))
        messages = [Message(held.arrived.topic, held.payload, held.arrived.facts) for held in taken]
        for answered in await self._road.answer(sender, messages):
            held = taken[0]
            if answered.fate in (Fate.passing, Fate.stranger) and held.arrived.qos:
                self._metrics.mqtt(Mqtt[answered.fate.value])
                return
            await self._settle(held, caller, answered)
            taken.popleft()

    async def _put_aside(self, taken: deque[Held], refused: Refused) -> None:
        """Keeps what came with a token of ours that counts no more: its sender believes that it has arrived."""
        caller = await self._identity.issued_to(taken[0].token, self._clock.now())
        while taken:
            if caller is None:
                self._drop(taken[0])
            else:
                await self._settle(taken[0], caller, self._road.refuse(refused))
            taken.popleft()

    async def _settle(self, held: Held, caller: Caller, answered: Answered) -> None:
        """Keeps what was refused, and sends the reply; the acknowledgement waits until the broker has that."""
        self._metrics.mqtt(Mqtt[answered.fate.value])
        assert caller.device is not None, "only devices come by this road"
        own = replies_of(caller.device.device_id)
        letter = await self._bury(held, caller, answered, _unheard(held.arrived, own))
        number = self._reply(held, answered, letter, own)
        if number is None:
            self._done(held)
        else:
            self._replies[number] = held

    async def _bury(self, held: Held, caller: Caller, answered: Answered, unheard: str) -> str | None:
        """Keeps what was refused, for its sender cannot be told so by the broker; returns the letter's id."""
        error, message = answered.error, held.arrived
        if error is None or not message.qos:
            return None
        sentence = " ".join(filter(None, [error.error, unheard]))
        letter = await self._keeping.bury(
            caller, self._client_id, message.topic, held.payload, error.code, sentence, answered.request_id
        )
        self._metrics.mqtt(Mqtt.dead_letters)
        return letter

    def _reply(self, held: Held, answered: Answered, letter: str | None, own: str) -> int | None:
        """Sends the answer: the JSON of HTTP where it was asked for, else with what the message cannot say beside it.

        Returns the number under which the broker says that it has it.
        """
        message = held.arrived
        unheard = _unheard(message, own)
        facts = facts_of(answered, letter) + ([("reason", unheard)] if unheard else [])
        topic, body = message.response_topic, answered.body()
        if topic is None or unheard:
            topic, body = own, told(answered, message.topic, held.payload, letter)
        number = self._link.publish(topic, body, tuple(facts), message.correlation)
        if number is None:
            log.warning("the broker takes no reply of that size", bytes=len(body), request_id=answered.request_id)
        return number


def _is_reply(topic: str) -> bool:
    """Whether it is meant for devices: replies, also those in a device's branch."""
    levels = topic.removeprefix("/").split("/")
    place = _BRANCH_LEVELS if levels[0] == BRANCH else 0
    return len(levels) > place and levels[place] == REPLIES


def _unheard(message: Arrived, own: str) -> str:
    """Why nothing is sent to the response topic that a message names."""
    topic = message.response_topic
    if topic is None or (is_below(topic, own) and topic.isprintable() and not set("+#") & set(topic)):
        return ""
    return not_own(topic, own)
