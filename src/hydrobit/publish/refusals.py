"""What can go wrong with an operation, as the documents tell it: the codes of each status, and its headers."""

from dataclasses import dataclass, field
from typing import Any

from hydrobit.errors import CATALOGUE, Code
from hydrobit.operation import Operation


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer that operations share, under its name in the document."""

    name: str
    description: str
    headers: dict[str, dict[str, Any]] = field(default_factory=dict)


_CHALLENGE = {"WWW-Authenticate": {"description": "`Bearer`: a token is wanted.", "schema": {"type": "string"}}}
_ALLOW = {"Allow": {"description": "The methods that the path takes.", "schema": {"type": "string"}}}
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds to wait before the same call is sent again.",
        "schema": {"type": "integer", "minimum": 1},
    }
}

REFUSALS: dict[int, Refusal] = {
    400: Refusal("BadRequest", "The request does not hold what it should."),
    401: Refusal("Unauthorized", "No token, or one that is not valid.", _CHALLENGE),
    403: Refusal("Forbidden", "Known caller, but not the owner, or another company."),
    404: Refusal("NotFound", "No such thing."),
    405: Refusal("MethodNotAllowed", "The path does not take this method.", _ALLOW),
    408: Refusal("RequestTimeout", "The request did not arrive in time."),
    409: Refusal("Conflict", "The state does not allow it, for example a closed session or a second open one."),
    413: Refusal("BodyTooLarge", "The body is over the limit; packed bodies count unpacked."),
    415: Refusal("UnsupportedMediaType", "The body is neither JSON nor gzip of it."),
    431: Refusal("HeadTooLarge", "The request's head is over the limit."),
    500: Refusal("ServerError", "Fault on the server."),
    503: Refusal("Unavailable", "Not now. Whether it happened is unknown: send the same call again.", _RETRY_AFTER),
}

_OF_EVERY_CALL = {
    Code.invalid_value,  # the query of any path is read
    Code.invalid_json,  # and a body that nobody asked for is unpacked
    Code.token_missing,
    Code.token_invalid,
    Code.token_expired,
    Code.no_company,
    Code.role_forbidden,  # where roles would allow it, a company key may still lack the scope
    Code.slow_request,
    Code.body_too_large,
    Code.unsupported_content_type,
    Code.headers_too_large,
    Code.internal,
    Code.busy,  # also while too many large bodies are under way
    Code.too_many_connections,
    Code.unavailable,
}
_OF_A_BODY = {Code.missing_field, Code.wrong_type}


def codes(operation: Operation) -> tuple[Code, ...]:
    """Every code that the operation can answer with, in the order of the catalogue."""
    possible = _OF_EVERY_CALL | set(operation.errors)
    names = {parameter.name for parameter in operation.parameters}
    if operation.request is not None:
        possible |= _OF_A_BODY
        names |= set(operation.request.shape.__struct_fields__)
    if any(parameter.required and parameter.place == "query" for parameter in operation.parameters):
        possible.add(Code.missing_field)
    if any(parameter.place == "path" for parameter in operation.parameters):
        possible.add(Code.unknown_path)  # an id with a slash in it leads nowhere
    if operation.caller_in is not None:
        names.add("auth0Id")
    if "auth0Id" in names:
        possible |= {Code.caller_mismatch, Code.missing_field}
    if "companyId" in names:
        possible.add(Code.other_company)
    return tuple(code for code in CATALOGUE if code in possible)


def shared_codes(status: int) -> list[Code]:
    """The codes of a status that any call can meet, whatever the operation."""
    outside = {Code.unknown_path, Code.method_not_allowed}
    return [code for code in CATALOGUE if code in _OF_EVERY_CALL | outside and CATALOGUE[code].status == status]


def codes_by_status(operation: Operation) -> dict[int, list[Code]]:
    """The operation's codes under their HTTP statuses."""
    found: dict[int, list[Code]] = {}
    for code in codes(operation):
        found.setdefault(CATALOGUE[code].status, []).append(code)
    return found
