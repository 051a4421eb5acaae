"""From an operation and what was sent to a reply, the same for every road: authenticate, check role, decode, handle.

The order is the contract's: body size (done by the road), token, body shape, auth0Id, then the handler.
"""

import asyncio
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import structlog

from hydrobit.errors import CallerChanged, Code, Refused, StoreError
from hydrobit.identity.service import Identity
from hydrobit.operation import Call, Caller, Context, Device, Operation, Parameter, Reply, Source
from hydrobit.transport.metrics import Metrics
from hydrobit.wire import envelope

log = structlog.get_logger("hydrobit")

DECODE_IN_THREAD_BYTES_MIN = 1_048_576
"""A body that is larger is decoded beside the event loop."""
_NOTHING: Mapping[str, str] = {}
_NOT_YET = Refused(Code.internal, "The call was not answered.")

Credential = str | Caller | Refused | None
"""A token or company key; why there is none; or a caller who is known already."""


class Dispatcher:
    """Answers calls; whatever happens, the answer is a `Reply`."""

    def __init__(self, context: Context, identity: Identity, metrics: Metrics) -> None:
        self._context, self._identity, self._metrics = context, identity, metrics
        self._log_requests = context.settings.log_requests
        self._has_nodes = bool(context.settings.database_url)
        self._numbers = itertools.count(1)
        self._boot = os.urandom(4).hex()

    def next_request_id(self) -> str:
        """An id that an operator can find in the logs."""
        return f"{self._boot}-{next(self._numbers):x}"

    async def answer(
        self,
        operation: Operation,
        request_id: str,
        token: Credential,
        path: Mapping[str, str],
        query: Mapping[str, str] | Refused,
        body: bytes,
        source: Source,
        device: Device | None = None,
    ) -> Reply:
        """Authenticates, decodes and handles one call; an error becomes the reply that tells it.

        A token or query that the road could not read is its refusal, which is told in its turn. `device` is that of the
        branch in which the call came.
        """
        try:
            reply = await self._handle(operation, token, path, query, body, source, device)
        except Exception as e:
            reply = self._failed(e, operation, request_id)
        self._tell(operation, request_id, reply)
        return reply

    async def admit(self, operation: Operation, request_id: str, token: Credential) -> Reply | Caller:
        """Who calls, before the call goes on to `answer`; or the refusal of a caller who may not call at all."""
        try:
            return await self._admitted(operation, token, self._context.clock.now())
        except Exception as e:
            reply = self._failed(e, operation, request_id)
        self._tell(operation, request_id, reply)
        return reply

    def _failed(self, error: Exception, operation: Operation, request_id: str) -> Reply:
        """The reply that tells an error, which is logged where it is ours."""
        match error:
            case Refused():
                refused = error
            case StoreError():
                log.error("store failed", operation=operation.name, request_id=request_id, error=str(error))
                refused = Refused(Code.unavailable, "The store did not answer; send the same call again.")
            case _:
                log.error("operation failed", operation=operation.name, request_id=request_id, exc_info=error)
                refused = Refused(Code.internal, f"Something failed in the server; tell its operator {request_id}.")
        return self.refuse(refused, request_id, operation.name)

    def _tell(self, operation: Operation, request_id: str, reply: Reply) -> None:
        self._metrics.count(operation.name, reply.status)
        if self._log_requests:
            log.info("request", operation=operation.name, request_id=request_id, status=reply.status)

    def refuse(self, refused: Refused, request_id: str, operation: str) -> Reply:
        """The reply that tells a refusal."""
        if refused.status < 500:
            # The detail stays out: it may quote what was sent.
            log.debug("refused", operation=operation, request_id=request_id, code=refused.code)
        return Reply(refused.status, envelope.error(refused, request_id))

    async def answer_together(
        self,
        operation: Operation,
        request_ids: Sequence[str],
        token: Credential,
        bodies: Sequence[bytes | Refused],
        source: Source,
        device: Device | None = None,
    ) -> list[Reply]:
        """As `answer`, for several calls of one caller to a row that takes them together; one reply each, in order."""
        try:
            outcomes: Sequence[Reply | Exception] = await self._handle_together(
                operation, token, bodies, source, device
            )
        except Exception as e:
            outcomes = [e] * len(bodies)
        replies = [
            self._failed(outcome, operation, request_id) if isinstance(outcome, Exception) else outcome
            for request_id, outcome in zip(request_ids, outcomes, strict=True)
        ]
        for request_id, reply in zip(request_ids, replies, strict=True):
            self._tell(operation, request_id, reply)
        return replies

    async def _handle(
        self,
        operation: Operation,
        token: Credential,
        path: Mapping[str, str],
        query: Mapping[str, str] | Refused,
        body: bytes,
        source: Source,
        device: Device | None,
    ) -> Reply:
        now = self._context.clock.now()
        caller = await self._admitted(operation, token, now, device)
        if isinstance(query, Refused):
            raise query
        values = _parameters(operation.parameters, query) if operation.parameters else _NOTHING
        if len(body) < DECODE_IN_THREAD_BYTES_MIN:
            decoded = _body(operation, body)
        else:
            decoded = await asyncio.to_thread(_body, operation, body)
        call = _call(operation, caller, path, values, decoded, source, now)
        while True:
            try:
                return await operation.handler(self._context, call)
            except CallerChanged:
                call = msgspec.structs.replace(
                    call, caller=await self._admitted(operation, token, now, device, anew=True)
                )

    async def _handle_together(
        self,
        operation: Operation,
        token: Credential,
        bodies: Sequence[bytes | Refused],
        source: Source,
        device: Device | None,
    ) -> list[Reply | Exception]:
        assert operation.together is not None, "a row that takes calls together says how"
        now = self._context.clock.now()
        caller = await self._admitted(operation, token, now, device)
        outcomes: list[Reply | Exception] = []
        calls: dict[int, Call] = {}
        for place, body in enumerate(bodies):
            try:
                if isinstance(body, Refused):
                    raise body
                calls[place] = _call(operation, caller, _NOTHING, _NOTHING, _body(operation, body), source, now)
            except Refused as refused:
                outcomes.append(refused)
            else:
                outcomes.append(_NOT_YET)
        while calls:
            for place, outcome in zip(calls, await operation.together(self._context, [*calls.values()]), strict=True):
                outcomes[place] = outcome
            calls = {place: call for place, call in calls.items() if isinstance(outcomes[place], CallerChanged)}
            if calls:
                caller = await self._admitted(operation, token, now, device, anew=True)
                calls = {place: msgspec.structs.replace(call, caller=caller) for place, call in calls.items()}
        return outcomes

    async def _admitted(
        self, operation: Operation, token: Credential, now: int, device: Device | None = None, *, anew: bool = False
    ) -> Caller:
        """Who calls. Raises Refused for a token that does not count, and for a caller who may not call this row.

        What is remembered of a caller refuses nobody, and admits nobody where another node may have changed it, unless
        the row's own transaction finds that out. `device` is that of the branch in which a user without one calls.
        """
        if token is None:
            raise Refused(Code.token_missing, "Send one header Authorization: Bearer <token>.")
        if isinstance(token, Refused):
            raise token
        if isinstance(token, Caller):
            caller = await self._identity.acting_again(token) if anew else token
        else:
            will_do = not anew and (operation.judges_caller or not self._has_nodes)
            known = self._identity.known(token, now) if will_do else None
            if known is not None and device is None and operation.admits(known):
                return known
            caller = await self._identity.caller(token, now)
        if device is not None and caller.device is None:
            caller = replace(caller, device=device)
        if not operation.admits(caller):
            raise Refused(Code.role_forbidden, f"{_standing(caller)} may not call {operation.name}.")
        return caller


def _call(
    operation: Operation,
    caller: Caller,
    path: Mapping[str, str],
    values: Mapping[str, Any],
    decoded: tuple[Any, tuple[str, ...]],
    source: Source,
    now: int,
) -> Call:
    """The call, once it is sure that it names no other caller than its own."""
    shape, ignored = decoded
    speaking = shape if operation.caller_in is None else getattr(shape, operation.caller_in)
    if caller.role is not None or not operation.names_user:
        _same_caller(caller, speaking, values)
    _same_company(caller, speaking, values)
    return Call(caller, shape, path, values, source, now, ignored)


def _standing(caller: Caller) -> str:
    if caller.device is not None:
        return "The device"
    return f"The role {caller.role}" if caller.role is not None else "A key without its scope"


def _body(operation: Operation, body: bytes) -> tuple[Any, tuple[str, ...]]:
    if operation.request is None:
        return None, ()
    if not body and not operation.http.body_required:
        body = b"{}"
    if not body:
        raise Refused(Code.invalid_json, "The body is empty; send a JSON object.")
    return operation.request.decode(body)


def _same_caller(caller: Caller, shape: object, values: Mapping[str, Any]) -> None:
    """What the request says of its caller is checked, never believed."""
    for said in (getattr(shape, "auth0Id", None), values.get("auth0Id")):
        if said is None or said == caller.user_id:
            continue
        if not said.strip():
            raise Refused(Code.missing_field, "auth0Id is required.", field="auth0Id")
        raise Refused(Code.caller_mismatch, "auth0Id is not the token's user.", field="auth0Id")


def _same_company(caller: Caller, shape: object, values: Mapping[str, Any]) -> None:
    """The company is the token's; another one is refused, whether there is one of that id or not."""
    for said in (getattr(shape, "companyId", None), values.get("companyId")):
        if said is not None and said != caller.company_id:
            raise Refused(Code.other_company, "companyId is not the caller's company.", field="companyId")


def _parameters(parameters: tuple[Parameter, ...], query: Mapping[str, str]) -> dict[str, Any]:
    """The row's query parameters. An empty optional one counts as absent. Raises Refused naming the parameter."""
    values: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.place != "query":
            continue
        text = query.get(parameter.name, "")
        if text:
            values[parameter.name] = _value(parameter, text)
        elif parameter.required:
            raise Refused(Code.missing_field, f"The parameter {parameter.name} is required.", field=parameter.name)
    return values


def _value(parameter: Parameter, text: str) -> Any:
    schema: Mapping[str, Any] = parameter.schema
    if "enum" in schema and text not in schema["enum"]:
        raise _invalid(parameter, f"must be one of {', '.join(schema['enum'])}")
    if schema["type"] != "integer":
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise _invalid(parameter, "must be a whole number")
    number = int(text)
    if not schema.get("minimum", 0) <= number <= schema.get("maximum", 10**9):
        raise _invalid(parameter, f"must lie between {schema.get('minimum', 0)} and {schema.get('maximum', 10**9)}")
    return number


def _invalid(parameter: Parameter, sentence: str) -> Refused:
    return Refused(Code.invalid_value, f"{parameter.name} {sentence}.", field=parameter.name)
