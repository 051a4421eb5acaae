"""From messages to what became of them: the rows of the table, reached by topic.

Whether a message is acknowledged, refused, buried or must come again is decided here; how that is said on a wire is
the connection's and the broker's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from hydrobit.errors import CATALOGUE, Code, Refused
from hydrobit.operation import READS, Caller, Device, Operation, Reply, Source
from hydrobit.transport.dispatch import Dispatcher
from hydrobit.transport.mqtt.topics import Target, Topics
from hydrobit.wire import envelope
from hydrobit.wire.envelope import Error, encode

TOGETHER_MAX = 256
"""So many messages of one sender are handed to the ledger at once."""
METHOD = "method"
"""The user property by which a message chooses among the methods of a path."""
_NO_QUERY: Mapping[str, str] = {}
_query = msgspec.json.Decoder(dict[str, str | int])


class Fate(StrEnum):
    """What becomes of a message."""

    done = "done"
    refused = "refused"
    """For good: the same message would be refused again."""
    failed = "failed"
    """By a fault of ours, which the same message may meet again: it is kept for the operator."""
    passing = "passing"
    """It must come again: nothing says that it is in the ledger."""
    stranger = "stranger"
    """Its sender may not call any more: it must come again by one who may."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose messages they are. `branch` is that of the device which the token or the connection names; `device` is the
    one that a user names, where the token does not.
    """

    token: str | Caller
    branch: str | None = None
    device: Device | None = None


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message, as any wire brings it, with its user properties."""

    topic: str
    payload: bytes
    facts: Sequence[tuple[str, str]] = ()

    @property
    def method(self) -> str | None:
        """What it chooses among the methods of a path."""
        return next((value for name, value in self.facts if name == METHOD), None) if self.facts else None


class Answered(msgspec.Struct, frozen=True, gc=False):
    """What became of one message, and the answer that HTTP would have given."""

    fate: Fate
    reply: Reply
    request_id: str

    @property
    def status(self) -> int:
        return self.reply.status

    @property
    def error(self) -> Error | None:
        body = self.reply.body
        return body if isinstance(body, Error) else None

    @property
    def reason(self) -> int:
        """The MQTT 5 reason code from the one table of errors; 0 for success."""
        return CATALOGUE[Code(self.error.code)].mqtt_reason if self.error is not None else 0

    @property
    def sentence(self) -> str:
        return f"{self.error.code}: {self.error.error}" if self.error is not None else ""

    def body(self) -> bytes:
        """The JSON of the HTTP answer."""
        return encode(self.reply.body) if self.reply.body is not None else b"null"


_FATES: Mapping[int, Fate] = {
    401: Fate.stranger,
    408: Fate.passing,
    429: Fate.passing,
    500: Fate.failed,
    503: Fate.passing,
}


class Road:
    """Answers messages, in their order. It does not raise: whatever happens becomes an answer."""

    def __init__(
        self, operations: Sequence[Operation], dispatcher: Dispatcher, body_bytes_max: Callable[[Operation], int]
    ) -> None:
        self._topics, self._dispatcher, self._body_bytes_max = Topics(operations), dispatcher, body_bytes_max

    async def answer(self, sender: Sender, messages: Sequence[Message]) -> list[Answered]:
        """What became of each message, up to the first that must come again: those behind it come again with it."""
        answers: list[Answered] = []
        while len(answers) < len(messages):
            answers += await self.answer_first(sender, messages[len(answers) :])
            for number, answered in enumerate(answers):
                if answered.fate in (Fate.passing, Fate.stranger):
                    return answers[: number + 1]
        return answers

    async def answer_first(self, sender: Sender, messages: Sequence[Message]) -> list[Answered]:
        """What became of the first message, and of those behind it that the same row answers together with it."""
        first = self._find(sender, messages[0])
        length = self._length_of_run(sender, first, messages)
        if length == 1:
            return [await self._alone(sender, first, messages[0])]
        return await self._together(sender, first, messages[:length])

    def refuse(self, refused: Refused) -> Answered:
        """The answer to a message that is refused before it is looked at."""
        request_id = self._dispatcher.next_request_id()
        return _answered(self._dispatcher.refuse(refused, request_id, "none"), request_id)

    def _find(self, sender: Sender, message: Message) -> Target | Refused:
        try:
            return self._topics.find(message.topic, sender.branch, message.method)
        except Refused as refused:
            return refused

    def _length_of_run(self, sender: Sender, found: Target | Refused, messages: Sequence[Message]) -> int:
        if isinstance(found, Refused) or found.operation.together is None:
            return 1
        topic, method = messages[0].topic, messages[0].method
        for place, message in enumerate(messages[1:TOGETHER_MAX], 1):
            if message.topic == topic and message.method == method:
                continue
            other = self._find(sender, message)
            if isinstance(other, Refused) or other.operation is not found.operation:
                return place
        return min(len(messages), TOGETHER_MAX)

    async def _alone(self, sender: Sender, found: Target | Refused, message: Message) -> Answered:
        request_id = self._dispatcher.next_request_id()
        if isinstance(found, Refused):
            return _answered(self._dispatcher.refuse(found, request_id, "none"), request_id)
        row = found.operation
        try:
            query, body = self._read(row, message)
        except Refused as refused:
            return _answered(self._dispatcher.refuse(refused, request_id, row.name), request_id)
        reply = await self._dispatcher.answer(
            row, request_id, sender.token, found.path, query, body, Source.mqtt, sender.device
        )
        return _answered(await _whole(reply, row, self._body_bytes_max(row)), request_id)

    async def _together(self, sender: Sender, found: Target | Refused, messages: Sequence[Message]) -> list[Answered]:
        assert isinstance(found, Target), "a run is of one row"
        row, most = found.operation, self._body_bytes_max(found.operation)
        request_ids = [self._dispatcher.next_request_id() for _ in messages]
        bodies = [message.payload if len(message.payload) <= most else _too_large(most) for message in messages]
        replies = await self._dispatcher.answer_together(
            row, request_ids, sender.token, bodies, Source.mqtt, sender.device
        )
        return [_answered(reply, request_id) for reply, request_id in zip(replies, request_ids, strict=True)]

    def _read(self, row: Operation, message: Message) -> tuple[Mapping[str, str] | Refused, bytes]:
        """The query and the body: a read has its parameters as the object that the message holds."""
        most = self._body_bytes_max(row)
        if len(message.payload) > most:
            raise _too_large(most)
        if row.http.method in READS:
            return _read_query(message.payload), b""
        return _NO_QUERY, message.payload


def _answered(reply: Reply, request_id: str) -> Answered:
    fate = Fate.done
    if isinstance(reply.body, Error):
        fate = _FATES.get(reply.status, Fate.refused)
        if reply.body.code == Code.no_company:
            fate = Fate.stranger
    return Answered(fate, reply, request_id)


async def _whole(reply: Reply, row: Operation, bytes_max: int) -> Reply:
    """A reply whose parts are put together, as far as a message may hold them."""
    if reply.parts is None:
        return reply
    parts, length = [], 0
    async for part in reply.parts:
        parts.append(part)
        length += len(part)
        if length > bytes_max:
            too_long = Refused(Code.body_too_large, f"The answer of {row.name} is too long for a message; ask by HTTP.")
            return Reply(too_long.status, envelope.error(too_long, ""))
    return Reply(reply.status, msgspec.Raw(b"".join(parts)))


def _read_query(payload: bytes) -> Mapping[str, str] | Refused:
    if not payload:
        return _NO_QUERY
    try:
        return {name: str(value) for name, value in _query.decode(payload).items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Refused(Code.invalid_json, "The message must be a JSON object of parameters: texts and whole numbers.")


def _too_large(most: int) -> Refused:
    return Refused(Code.body_too_large, f"The message may have at most {most} bytes.")
