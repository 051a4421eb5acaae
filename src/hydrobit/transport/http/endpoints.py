"""Every operation of the table as an endpoint under HTTP."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from unicodedata import category
from urllib.parse import parse_qsl

from hydrobit.errors import Code, Refused
from hydrobit.operation import HOST, Caller, Operation, Reply, Source
from hydrobit.settings import Settings
from hydrobit.transport.dispatch import Dispatcher
from hydrobit.transport.http.shell import Answer, Endpoint, Request
from hydrobit.wire.envelope import encode

QUERY_PARAMETERS_MAX = 100
S = TypeVar("S")
T = TypeVar("T")

_HOST = re.compile(rb"[A-Za-z0-9.:\[\]-]{1,255}")
_NO_QUERY: Mapping[str, str] = {}
_CHALLENGE = (b"www-authenticate", b'Bearer realm="hydrobit"')


class OperationEndpoint(Endpoint):
    """One row of the table under HTTP."""

    def __init__(self, operation: Operation, dispatcher: Dispatcher, settings: Settings) -> None:
        self.body_bytes_max: int = getattr(settings, operation.body_limit)
        self._operation, self._dispatcher = operation, dispatcher
        self._retry_after = (b"retry-after", b"%d" % settings.retry_after_s)

    async def admit(self, head: Request) -> Answer | int:
        request_id = self._dispatcher.next_request_id()
        admitted = await self._dispatcher.admit(self._operation, request_id, _or_refused(credential, head))
        return admitted.company if isinstance(admitted, Caller) else to_answer(admitted, request_id, self._retry_after)

    async def answer(self, request: Request) -> Answer:
        request_id = self._dispatcher.next_request_id()
        token = _or_refused(credential, request)
        path, query = called_with(self._operation, request)
        reply = await self._dispatcher.answer(
            self._operation, request_id, token, path, query, request.body, Source.http
        )
        return to_answer(reply, request_id, self._retry_after)


def called_with(operation: Operation, request: Request) -> tuple[Mapping[str, str], Mapping[str, str] | Refused]:
    """What the path and the query say, as the dispatcher takes it."""
    query = _or_refused(read_query, request.query) if request.query else _NO_QUERY
    return _with_host(request) if operation.names_host else request.parameters, query


def _or_refused(read: Callable[[S], T], sent: S) -> T | Refused:
    """What was read, or why it cannot be: the dispatcher says so when its turn comes."""
    try:
        return read(sent)
    except Refused as refused:
        return refused


def _with_host(request: Request) -> Mapping[str, str]:
    host = request.headers.get(b"host", b"")
    return request.parameters if _HOST.fullmatch(host) is None else {**request.parameters, HOST: host.decode("ascii")}


def to_answer(reply: Reply, request_id: str, retry_after: tuple[bytes, bytes]) -> Answer:
    """A reply as HTTP: the body encoded, the headers that a status promises."""
    headers = [(b"x-request-id", request_id.encode())]
    if reply.status == 401:
        headers.append(_CHALLENGE)
    elif reply.status in (429, 503):
        headers.append(retry_after)
    if reply.parts is not None:
        return Answer(reply.status, b"", headers=headers, length=None, chunks=reply.parts)
    return Answer(reply.status, b"" if reply.body is None else encode(reply.body), headers=headers)


def credential(request: Request) -> str | None:
    """The token or company key; None when there is none. Raises Refused for several or other credentials."""
    given = [(read, text) for name, read in _READS if (text := request.headers.get(name)) is not None]
    if not given:
        return None
    if len(given) > 1 or request.credentials > 1:
        raise Refused(Code.token_invalid, "Send one Authorization, x-api-key or x-iot-token header, not several.")
    ((read, text),) = given
    return read(text)


def _api_key(header: bytes) -> str:
    text = header.strip().decode("latin-1")
    if text.count(".") != 1:  # a user's token has two dots; it counts in the Authorization header alone
        raise Refused(Code.token_invalid, "The x-api-key header must be a company key: <keyId>.<token>.")
    return text


def _iot_token(header: bytes) -> str:
    text = header.strip().decode("latin-1")
    if text.count(".") != 2:  # a company key has one; it counts in the other two headers alone
        raise Refused(Code.token_invalid, "The x-iot-token header must be a device's token, or a user's.")
    return text


def _bearer(header: bytes) -> str:
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"bearer" or not token:
        raise Refused(Code.token_invalid, "The Authorization header must be: Bearer <token>.")
    return token.strip().decode("latin-1")


_READS = ((b"authorization", _bearer), (b"x-api-key", _api_key), (b"x-iot-token", _iot_token))


def read_query(query: bytes) -> dict[str, str]:
    """The parameters of a query. Raises Refused for one that is repeated or not UTF-8."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=QUERY_PARAMETERS_MAX
        )
    except (UnicodeDecodeError, ValueError) as e:
        raise Refused(Code.invalid_value, "The query is not valid percent-encoded UTF-8, or too long.") from e
    values = dict(pairs)
    if len(values) != len(pairs):
        repeated = next(name for name in values if sum(name == other for other, _ in pairs) > 1)
        raise Refused(Code.invalid_value, f"The parameter {repeated[:100]} is repeated.", field=repeated[:100])
    for name, value in values.items():
        if not value.isprintable() and any(category(character) == "Cc" for character in value):
            raise Refused(Code.invalid_value, f"{name[:100]} must not hold a control character.", field=name[:100])
    return values


def endpoints(
    operations: Sequence[Operation], dispatcher: Dispatcher, settings: Settings
) -> dict[tuple[str, str], Endpoint]:
    """An endpoint for every row of the table."""
    return {
        (operation.http.method, operation.http.path): OperationEndpoint(operation, dispatcher, settings)
        for operation in operations
    }
