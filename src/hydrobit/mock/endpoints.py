"""The mock under HTTP: every row of the table below a prefix, with its spaces, examples and faults."""

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TypeVar

import msgspec

from hydrobit.catalog import OPERATIONS
from hydrobit.demo.company import ADMIN
from hydrobit.errors import Code, Refused
from hydrobit.identity.compact import read_compact
from hydrobit.mock import faults, preferences
from hydrobit.mock.faults import Fault, FaultKind, Heard
from hydrobit.mock.space import Space
from hydrobit.mock.spaces import SPACES, Spaces, by_header, by_token
from hydrobit.operation import Operation, Reply
from hydrobit.publish.samples import TOKEN
from hydrobit.publish.site.trying import MOCK
from hydrobit.settings import Settings
from hydrobit.storage.objects import PATH as OBJECTS_PATH
from hydrobit.transport.http.endpoints import called_with, to_answer
from hydrobit.transport.http.pages import ObjectPage, Refuse
from hydrobit.transport.http.shell import CREDENTIALS, Answer, Cut, Endpoint, Request
from hydrobit.wire import envelope
from hydrobit.wire.fields import USER_ID_LENGTH_MAX

T = TypeVar("T")

PLACEHOLDER = TOKEN.encode()
"""What stands in published samples in the place of a token."""
SPACE, FAULT, PREFER = b"x-mock-space", b"x-mock-fault", b"prefer"
SPACE_LENGTH_MAX = 200
STRANGERS = 0
"""The company that all bodies for the mock count to: together they hold a part of the room, like one company's."""
READ_IN_THREAD_BYTES_MIN = 1_048_576
NAME_BYTES_MAX = 6 * USER_ID_LENGTH_MAX + 2
"""A longer JSON text is no user's id, however it is written."""
_EXPOSED = (b"access-control-expose-headers", b"preference-applied, retry-after, x-request-id, x-mock-fault")


_NULL = msgspec.Raw(b"null")


class _Named(msgspec.Struct):
    """As much of a body as says who calls."""

    user: msgspec.Raw = msgspec.field(default=_NULL, name="auth0Id")
    record: msgspec.Raw = _NULL
    """Not decoded but for its own user: a stranger's body may be millions of small things."""


_named = msgspec.json.Decoder(_Named)


class MockEndpoint(Endpoint):
    """One row of the table in the mock."""

    def __init__(self, operation: Operation, spaces: Spaces, settings: Settings, refuse: Refuse) -> None:
        of_row: int = getattr(settings, operation.body_limit)
        self.body_bytes_max = min(of_row, settings.mock_space_bytes_max)
        self._operation, self._spaces, self._refuse = operation, spaces, refuse
        self._retry_after_s = settings.retry_after_s

    async def admit(self, head: Request) -> Answer | int:
        try:
            _token(head)
        except Refused as refused:
            return self._refuse(refused, head.path)
        return STRANGERS

    async def answer(self, request: Request) -> Answer:
        try:
            answer = await self._answer(request)
        except Refused as refused:
            answer = self._refuse(refused, request.path)
        return msgspec.structs.replace(answer, headers=[*answer.headers, _EXPOSED])

    async def _answer(self, request: Request) -> Answer:
        token = _token(request)
        preferred = preferences.read(request.headers.get(PREFER))
        if preferred is not None:
            return _example(self._operation, preferred)
        dialled = faults.read(request.headers.get(FAULT, b"").decode("latin-1"))
        digest = await _beside_loop(_digest, request.body)
        async with self._spaces.entered(_space_name(request, token)) as space:
            heard = space.hear(self._operation, request, digest)
            heard.faults = (*dialled, *space.plan(heard))
            try:
                answer = await self._heard(space, heard, request, token)
            finally:
                heard.ended = time.monotonic()
        met = [(FAULT, ", ".join(map(str, heard.faults)).encode())] if heard.faults else []
        return msgspec.structs.replace(answer, headers=[*answer.headers, *met])

    async def _heard(self, space: Space, heard: Heard, request: Request, token: bytes) -> Answer:
        met = {one.kind: one for one in heard.faults}
        if FaultKind.busy in met:
            heard.status = 503
            refused = Refused(Code.busy, "The dial says that the mock is busy; send the same call again.")
            request_id = space.dispatcher.next_request_id()
            reply = space.dispatcher.refuse(refused, request_id, self._operation.name)
            return self._told(reply, request_id, met[FaultKind.busy].amount)
        reply, request_id = await self._done(space, request, token, met)
        heard.outcome = reply.status
        if FaultKind.slow in met:
            await asyncio.sleep(met[FaultKind.slow].amount / 1_000)
        if FaultKind.lose_answer in met:
            raise Cut
        if FaultKind.error_after_commit in met:
            failed = Refused(Code.internal, "The dial says that the mock fails after it has done what was asked.")
            reply = space.dispatcher.refuse(failed, request_id, self._operation.name)
        heard.status = reply.status
        return self._told(reply, request_id)

    async def _done(
        self, space: Space, request: Request, token: bytes, met: Mapping[FaultKind, Fault]
    ) -> tuple[Reply, str]:
        path, query = called_with(self._operation, request)
        user_id = await _user(request.body, query, token) or space.owner or ADMIN
        behind = met[FaultKind.clock_skew].amount if FaultKind.clock_skew in met else 0
        if FaultKind.duplicate_delivery in met:
            await space.answer(self._operation, user_id, path, query, request.body, behind)
        return await space.answer(self._operation, user_id, path, query, request.body, behind)

    def _told(self, reply: Reply, request_id: str, retry_after_s: int | None = None) -> Answer:
        return to_answer(reply, request_id, (b"retry-after", b"%d" % (retry_after_s or self._retry_after_s)))


class SpaceObjectPage(Endpoint):
    """Photos of spaces, for whoever has a signed link."""

    body_bytes_max = 0

    def __init__(self, spaces: Spaces, refuse: Refuse) -> None:
        self._spaces, self._refuse = spaces, refuse

    async def answer(self, request: Request) -> Answer:
        space = self._spaces.by_id(request.parameters["space"])
        if space is None:
            gone = "There is no such space any more; add the photo to a new one."
            return self._refuse(Refused(Code.unknown_path, gone), request.path)
        return await ObjectPage(space.fetch, self._refuse).answer(request)


def endpoints(
    spaces: Spaces, settings: Settings, refuse: Refuse, prefixes: Sequence[str] = (MOCK,)
) -> dict[tuple[str, str], Endpoint]:
    """All endpoints of the mock, below each of the prefixes."""
    found: dict[tuple[str, str], Endpoint] = {}
    for prefix in prefixes:
        for operation in OPERATIONS:
            place = operation.http.method, f"{prefix}{operation.http.path}"
            found[place] = MockEndpoint(operation, spaces, settings, refuse)
        objects = f"{prefix}{SPACES}/{{space}}{OBJECTS_PATH}/{{company}}/{{digest}}"
        found["GET", objects] = SpaceObjectPage(spaces, refuse)
    return found


def refusing(settings: Settings) -> Refuse:
    """What turns a refusal outside of every space into an answer."""
    boot, numbers = os.urandom(4).hex(), itertools.count(1)
    retry_after = (b"retry-after", b"%d" % settings.retry_after_s)

    def refuse(refused: Refused, path: str) -> Answer:
        request_id = f"mock-{boot}-{next(numbers):x}"
        return to_answer(Reply(refused.status, envelope.error(refused, request_id)), request_id, retry_after)

    return refuse


def _token(request: Request) -> bytes:
    """The text of the one credential, whatever it is. Raises Refused, as the real server without one."""
    given = [name for name in CREDENTIALS if name in request.headers]
    if not given:
        raise Refused(Code.token_missing, "Send one header Authorization: Bearer <token>; the mock takes any text.")
    if len(given) > 1 or request.credentials > 1:
        raise Refused(Code.token_invalid, "Send one Authorization, x-api-key or x-iot-token header, not several.")
    text = request.headers[given[0]].strip()
    if given[0] == b"authorization":
        scheme, _, text = text.partition(b" ")
        if scheme.lower() != b"bearer":
            text = b""
    if not text.strip():
        raise Refused(Code.token_invalid, "The Authorization header must be: Bearer <token>; the mock takes any text.")
    return text.strip()


def _space_name(request: Request, token: bytes) -> str | None:
    """Which space is meant; None for one that is there for this call alone. Raises Refused, invalid_value."""
    said = request.headers.get(SPACE, b"").strip()
    if len(said) > SPACE_LENGTH_MAX:
        raise Refused(
            Code.invalid_value, f"x-mock-space may have at most {SPACE_LENGTH_MAX} bytes.", field="x-mock-space"
        )
    if said:
        return by_header(said.decode("latin-1"))
    return None if token == PLACEHOLDER else by_token(token.decode("latin-1"))


async def _user(body: bytes, query: Mapping[str, str] | Refused, token: bytes) -> str | None:
    """Who calls: `auth0Id` in the body or the query, else the subject of a token that looks like one."""
    said = await _beside_loop(_named_in, body)
    if said is None and not isinstance(query, Refused):
        said = query.get("auth0Id")
    if said is None:
        said = _subject(token)
    return said if isinstance(said, str) and said.strip() and len(said) <= USER_ID_LENGTH_MAX else None


async def _beside_loop(read: Callable[[bytes], T], body: bytes) -> T:
    """What a function makes of a body; of a large one beside the event loop."""
    return read(body) if len(body) < READ_IN_THREAD_BYTES_MIN else await asyncio.to_thread(read, body)


def _digest(body: bytes) -> str:
    return sha256(body).hexdigest()


def _named_in(body: bytes) -> object:
    try:
        named = _named.decode(body)
        if named.user == _NULL and named.record != _NULL:
            named = _named.decode(named.record)
        return msgspec.json.decode(named.user) if len(named.user) <= NAME_BYTES_MAX else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # what is wrong with it is the row's to say


def _subject(token: bytes) -> object:
    try:
        return read_compact(token.decode("latin-1")).claims.get("sub")
    except Refused:
        return None


def _example(operation: Operation, wanted: preferences.Preference) -> Answer:
    example = preferences.find(operation, wanted)
    return Answer(example.status, preferences.body_of(example), headers=[(preferences.APPLIED, wanted.applied)])
