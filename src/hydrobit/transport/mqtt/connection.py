"""One client of MQTT on this process: its session, whatever carries the bytes, and the work in between.

A task runs only while there is something to answer; an idle connection has none.
"""

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import structlog

from hydrobit.errors import Code, Refused, StoreError
from hydrobit.operation import Caller
from hydrobit.transport.mqtt.filters import is_below
from hydrobit.transport.mqtt.packets import V5, Publish
from hydrobit.transport.mqtt.ports import SessionKey
from hydrobit.transport.mqtt.properties import Properties
from hydrobit.transport.mqtt.reasons import Reason
from hydrobit.transport.mqtt.replies import facts_of, not_own, told
from hydrobit.transport.mqtt.road import TOGETHER_MAX, Answered, Fate, Message, Sender
from hydrobit.transport.mqtt.session import QOS_0, Session
from hydrobit.transport.mqtt.topics import replies_of
from hydrobit.transport.room import Share
from hydrobit.wire.envelope import Error

if TYPE_CHECKING:
    from hydrobit.transport.mqtt.clients import Clients

log = structlog.get_logger("hydrobit")

KEEP_ALIVES_MAX = 1.5
"""So many of its keep-alives a client may be silent (3.1.2.10)."""
SMALL_BYTES_MAX = 65_536
"""So much each connection may hold without asking for room."""


class Carrier(Protocol):
    """What moves the bytes: a WebSocket or a TCP connection."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None:
        """Ends it once what was written is sent."""
        ...

    def abort(self) -> None: ...

    def wait(self, is_crowded: bool) -> None:
        """Takes nothing more from the peer until it is told that there is room again."""
        ...

    @property
    def held_bytes(self) -> int:
        """What came and was not handed on yet."""
        ...

    async def drain(self) -> None:
        """Returns once the peer has taken enough of what was written, or is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Head:
    """What was known before CONNECT: a credential of the upgrade request, and the device its query names."""

    token: str | None = None
    device_id: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """Who was let in: the caller, whose session it is, and until when (ms) the token counts."""

    caller: Caller
    key: SessionKey
    token: str
    sender: Sender
    ends_at: int | None

    @property
    def device(self) -> tuple[int, str] | None:
        """The device whose token it is, unlike those of other companies."""
        return (self.key.company, self.caller.device.device_id) if self.caller.device else None


class Connection:
    """One client, from its first byte to its last. `clients` is what all connections of the process share."""

    def __init__(self, clients: "Clients", carrier: Carrier, head: Head) -> None:
        self._clients, self._carrier, self._head = clients, carrier, head
        self._session = Session(clients.limits)
        self._task: asyncio.Task[None] | None = None
        self._is_crowded = self._is_lost = self._is_stopping = self._has_left = False
        self._heard = time.monotonic()
        self._share: Share | None = None
        self.access_no: int | None = None
        """How often rights in the company had changed when the caller's were looked up."""
        self._entry: Entry | None = None
        self.owner = clients.next_owner()

    # What the carrier and the house tell.

    def received(self, data: bytes) -> None:
        if data and self._session.connect is not None:  # for a CONNECT there is one time in all
            self._heard = time.monotonic()
        self._session.receive(data)
        self._flush()
        self._go_on()

    def lost(self) -> None:
        """The carrier is gone. What came before is still answered: it may be in the ledger as well."""
        self._is_lost = True
        self._go_on()

    def sweep(self, now: float) -> None:
        """Ends a connection that was silent for too long (3.1.2.10), or whose token's time is over."""
        session = self._session
        if session.connect is None:
            if now - self._heard > self._clients.connect_s_max:
                self._carrier.abort()
        elif not session.is_accepted:
            pass  # it waits for us
        elif self._is_crowded:
            self._heard = now  # its PINGREQ may stand in what is not read
        elif session.keep_alive_s and now - self._heard > KEEP_ALIVES_MAX * session.keep_alive_s:
            self.end(Reason.keep_alive_timeout)
        elif self.entry.ends_at is not None and self._clients.now() >= self.entry.ends_at:
            self.end(Reason.not_authorized, "token_expired: The token's time is over; connect with a new one.")

    def end(self, reason: Reason, sentence: str = "") -> None:
        """Ends the connection and tells the client why; what it sent and was not answered comes again."""
        self._session.end(reason, sentence)
        self._flush()
        self._go_on()

    def stop(self) -> None:
        """Answers what is under way, and takes no more; then ends."""
        self._is_stopping = True
        self._go_on()

    @property
    def entry(self) -> Entry:
        """Who was let in; asked for only once somebody was."""
        assert self._entry is not None, "who was not let in has no entry"
        return self._entry

    @property
    def has_session(self) -> bool:
        """Whether its session is written as its own."""
        return self._session.is_accepted

    # The work.

    def _go_on(self) -> None:
        self._pace()
        if self._task is None and not self._has_left and (self._is_ending or self._has_work):
            self._task = asyncio.get_running_loop().create_task(self._work())

    @property
    def _has_work(self) -> bool:
        session = self._session
        return session.connect is not None and (not session.is_accepted or bool(session.inbox) or session.is_behind)

    @property
    def _is_ending(self) -> bool:
        return self._session.is_over or self._session.is_leaving or self._is_lost or self._is_stopping

    async def _work(self) -> None:
        """Answers all that waits, in its order, and takes leave where it is time to."""
        session = self._session
        try:
            while self._has_work and not session.is_over:
                if not session.is_accepted:
                    await self._let_in()
                elif not session.inbox:
                    pass  # what came holds much that needs no answer
                elif isinstance(session.inbox[0], Publish):
                    await self._answer()
                else:
                    await self._subscribe()
                session.receive()
                await self._send()
                if self._has_work:
                    await asyncio.sleep(0)  # others have their turn, where nothing had to be waited for
        except Refused as refused:  # there is no room for what would have to be kept
            log.warning("message not kept", company=self.entry.caller.company_id, code=refused.code)
            session.end(Reason.server_busy, f"{refused.code}: {refused.detail}")
        except StoreError as e:
            log.error("store failed", road="mqtt", error=str(e))
            session.end(Reason.server_busy, "unavailable: The store did not answer; connect and send again.")
        except Exception:
            log.exception("connection failed", road="mqtt")
            session.end(Reason.unspecified_error, "internal: Something failed in the server; connect and send again.")
        if self._is_ending:
            await self._leave()
        self._task = None

    async def _let_in(self) -> None:
        session, clients = self._session, self._clients
        connect = session.connect
        assert connect is not None, "who has not asked is not let in"
        try:
            session.client_id = session.client_id or clients.new_client_id()
            token = _token(connect.password, self._head.token)
            entry = await clients.admit(token, self._head.device_id, session.client_id)
            if self._is_lost:
                session.end(Reason.unspecified_error)  # and takes nobody's place
                return
            clients.enter(self, entry)
            self._entry, self.access_no = entry, entry.caller.access_no
            opened = await clients.keeping.open_session(*entry.key, self.owner, connect.clean_start, session.expiry_s)
        except Refused as refused:
            session.refuse(_why_not(refused), f"{refused.code}: {refused.detail}")
            return
        branch = entry.sender.branch
        roots = (replies_of(session.client_id), *((branch,) if branch else ()))
        session.accept(is_present=opened.is_present, subscriptions=opened.subscriptions, readable=roots)
        self._share = clients.room.share()
        self._share.belong_to(entry.key.company)

    async def _subscribe(self) -> None:
        session = self._session
        asked = session.take_asked()
        if session.expiry_s:
            filters = session.after(asked)
            if not await self._clients.keeping.set_subscriptions(*self.entry.key, self.owner, filters):
                session.end(Reason.session_taken_over)
                return
        session.subscribed(asked)

    async def _answer(self) -> None:
        """Answers the messages that wait at the front, and acknowledges each in its turn."""
        messages = self._session.take_messages(TOGETHER_MAX)
        asked = [Message(message.topic, message.payload, message.properties.user_properties) for message in messages]
        done = 0
        while done < len(messages):
            answers = await self._clients.road.answer_first(self.entry.sender, asked[done:])
            self._clients.told(answers)
            for answered in answers:
                if (error := answered.error) is None:
                    self._confirm(messages[done], answered)
                else:
                    await self._refuse(messages[done], answered, error)
                if self._session.is_over:
                    return
                done += 1
            await self._send()  # so that no more answers wait than of one run

    async def _send(self) -> None:
        self._flush()
        self._pace()
        await self._carrier.drain()

    def _confirm(self, message: Publish, answered: Answered) -> None:
        """Says that a message is done: its answer first, so that who has the acknowledgement has had the answer."""
        self._session.acknowledge(message, sentence=self._reply(message, answered, None))

    async def _refuse(self, message: Publish, answered: Answered, error: Error) -> None:
        """Says what became of a message that was not done."""
        session = self._session
        if answered.fate is Fate.stranger:
            session.end(Reason.not_authorized, answered.sentence)
            return
        if answered.fate is Fate.passing and message.qos != QOS_0:
            session.end(Reason.server_busy, answered.sentence)
            return
        letter = await self._bury(message, answered, error)
        unheard = self._reply(message, answered, letter)
        sentence = " ".join(filter(None, [answered.sentence, letter and f"It is kept as {letter}.", unheard]))
        session.acknowledge(message, Reason(answered.reason), sentence)

    async def _bury(self, message: Publish, answered: Answered, error: Error) -> str | None:
        """Keeps what was refused and cannot be told so, and what a fault of ours refused; returns the letter's id."""
        is_told = self._session.version == V5 and answered.fate is not Fate.failed
        if message.qos == QOS_0 or is_told:
            return None
        entry = self.entry
        letter = await self._clients.keeping.bury(
            replace(entry.caller, device=entry.sender.device) if entry.sender.device else entry.caller,
            entry.key.client_id,
            message.topic,
            message.payload,
            error.code,
            error.error,
            answered.request_id,
        )
        self._clients.buried()
        return letter

    def _reply(self, message: Publish, answered: Answered, letter: str | None) -> str:
        """Sends the answer where the client has asked for it; returns why it could not be sent there."""
        session = self._session
        if session.version != V5:
            own = next(filter(session.reads, self._own_topics()), None) if session.subscriptions else None
            if own is not None:
                session.reply(own, told(answered, message.topic, message.payload, letter, message.packet_id))
            return ""
        topic = message.properties.response_topic
        if topic is None:
            return ""
        if not any(is_below(topic, own) for own in self._own_topics()):
            return not_own(topic, self._own_topics()[0])
        if not session.reads(topic):
            return f"No answer is sent: the client has not subscribed to {topic[:100]}."
        facts = tuple(facts_of(answered, letter))
        properties = Properties(correlation_data=message.properties.correlation_data, user_properties=facts)
        if not session.reply(topic, answered.body(), properties):
            return "No answer is sent: it is larger than the client's maximum packet size."
        return ""

    def _own_topics(self) -> list[str]:
        """Where the client finds its answers: under its own replies, and there in its device's branch."""
        own = replies_of(self._session.client_id)
        branch = self.entry.sender.branch
        return [own, *([f"{branch}/{own}"] if branch else [])]

    # The end, and the pace.

    async def _leave(self) -> None:
        session, self._has_left = self._session, True
        if self._is_stopping:
            session.end(Reason.server_shutting_down)
        self._flush()
        session.let_go()
        self._pace()
        self._carrier.close()
        if self._entry is None:
            return
        self._clients.leave(self)
        if self._share is not None:
            self._share.give_back(self._share.length)
        try:
            await self._clients.keeping.close_session(*self._entry.key, self.owner, session.expiry_s)
        except (StoreError, Refused) as e:  # it then counts as there until it is over
            log.warning("session not closed", error=str(e))

    def _flush(self) -> None:
        session = self._session
        if session.packets_received or session.packets_sent:
            self._clients.counted(session.packets_received, session.packets_sent)
            session.packets_received = session.packets_sent = 0
        data = session.outgoing()
        if data and not self._is_lost:
            self._carrier.write(data)

    def _pace(self) -> None:
        """Reads on only while little waits: who sends far ahead waits in the network, not in this memory."""
        is_crowded = (self._session.is_crowded or self._is_stopping) and not self._has_left
        if is_crowded != self._is_crowded and not self._is_lost:
            self._is_crowded = is_crowded
            self._carrier.wait(is_crowded)
        if self._share is not None and not self._has_left:
            self._account(self._share)

    def _account(self, share: Share) -> None:
        """What waits is small, or has its share of the one room for large messages; without it, it comes again."""
        held = self._session.held_bytes + self._carrier.held_bytes
        wanted = held if held > SMALL_BYTES_MAX else 0
        if wanted <= share.length:
            share.give_back(share.length - wanted)
            return
        try:
            share.take(wanted - share.length)
        except Refused as refused:
            self._session.end(Reason.server_busy, f"{refused.code}: {refused.detail}")
            self._flush()


def _token(password: bytes | None, beside: str | None) -> str | None:
    """The credential that counts: the password, then what the upgrade request carried."""
    if password is None:
        return beside
    try:
        return password.decode("ascii").strip()
    except UnicodeDecodeError as e:
        raise Refused(Code.token_invalid, "The password must be a token.") from e


def _why_not(refused: Refused) -> Reason:
    """What a refused CONNECT is told (3.2.2.2)."""
    match refused.status:
        case 401:
            return Reason.bad_user_name_or_password if refused.code == Code.token_invalid else Reason.not_authorized
        case 503:
            return Reason.server_unavailable if refused.code == Code.unavailable else Reason.quota_exceeded
        case _:
            return Reason.not_authorized
