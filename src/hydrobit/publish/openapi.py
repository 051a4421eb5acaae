"""The OpenAPI 3.1 document of a table of operations."""

import json
from collections.abc import Sequence
from typing import Any

from hydrobit.errors import CATALOGUE, Code
from hydrobit.operation import Operation, Parameter
from hydrobit.publish import schemas
from hydrobit.publish.refusals import REFUSALS, codes_by_status, shared_codes
from hydrobit.wire.envelope import Error

Json = dict[str, Any]

API_VERSION = "2.0.0"
"""The version of the published API that the operations fulfil; the release of this software is another number."""

DESCRIPTION = """\
An open, independent implementation of the documented Hydrobit API. This document is derived from the table of
operations that the server runs.

**Answers.** A success is `{"status": "success", "data": ...}`; every other answer is the `Error` body, whose `code` is
a stable word to branch on. A path that does not exist is answered with 404 `unknown_path`, a method that a path does
not take with 405 `method_not_allowed` and `Allow`. Answers to HEAD never have a body. An answer may gain fields.

**Requests.** `null` in an optional field counts as left out, in a required one as missing. Unknown fields are accepted,
not stored, and named in `ignored`. Numbers are JSON numbers with at most 6 decimals, and `12.0` is an integer. Times
are ISO 8601 with a zone. Texts are stripped and brought to Unicode NFC; lengths count after that. Bodies are UTF-8
JSON, plain or gzip.

**Repeating.** Every call may be sent again when its outcome is unknown, after a broken connection or a 503: a repeat
changes nothing twice.
"""

_SCHEMES = {
    "bearerAuth": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "User token, sent in the Authorization header.",
    },
    "apiKeyAuth": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "Company key `<keyId>.<token>`. Beside an Authorization header it is refused.",
    },
    "apiTokenAuth": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "keyId.token",
        "description": "The same company key as a bearer value.",
    },
    "iotToken": {
        "type": "apiKey",
        "in": "header",
        "name": "x-iot-token",
        "description": "Short-lived token of a device. A user token is taken here too, and this one as a bearer value.",
    },
}

TAGS = {
    "Projects": "Projects (ranches) and their sectors (lots): reading them, and setting them up.",
    "Workers": "The crew.",
    "Forms": "Forms to fill in: fetching and handing in, and for admins versions, tasks and what was handed in.",
    "Administration": "Running a company: its users, its keys, and who changed what. For admins.",
    "Production Sessions": "Opening, reading, changing, extending and closing a day's work in one sector.",
    "Phytosanitary": "Crop health: pests and diseases, as figures and as single observations.",
    "Harvest": "Sessions of a span of days with each worker's share, for outside systems.",
    "IoT Endpoint": "Devices in the field: their register, their tokens, what they read, and where they connect.",
    "Production Records": "Counting units per worker inside an open session, and undoing counts.",
}


def document(operations: Sequence[Operation], version: str) -> Json:
    """The document as plain JSON values; the same table gives the same document.

    `version` is the release of this software.
    """
    paths: Json = {}
    for operation in operations:
        paths.setdefault(operation.http.path, {})[operation.http.method.lower()] = _operation(operation)
    written = {
        "openapi": "3.1.0",
        "info": {
            "title": "Hydrobit API",
            "version": API_VERSION,
            "summary": "Farm production sessions and piece counts per worker.",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "x-release": version,
        },
        "servers": [{"url": "/", "description": "The server that this document came from."}],
        "security": [{"bearerAuth": []}],
        "tags": [{"name": tag, "description": TAGS[tag]} for tag in dict.fromkeys(row.tag for row in operations)],
        "paths": paths,
        "components": _components(operations),
    }
    plain: Json = json.loads(json.dumps(written))  # values of its own, so that YAML needs no anchors
    return plain


def text(document: Json) -> str:
    """The document as it is committed and printed: JSON that people can read and compare line by line."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _components(operations: Sequence[Operation]) -> Json:
    requests = [row.request.shape for row in operations if row.request is not None]
    answers = [row.answer for row in operations if row.answer is not None]
    shared = [parameter for row in operations for parameter in row.parameters if _component_name(parameter)]
    return {
        "securitySchemes": _SCHEMES,
        "parameters": {_component_name(parameter): _described(parameter) for parameter in shared},
        "responses": {refusal.name: _refusal(status) for status, refusal in REFUSALS.items()},
        "schemas": schemas.components(requests, [Error, *answers]),
    }


def _operation(row: Operation) -> Json:
    written: Json = {
        "tags": [row.tag],
        "operationId": row.name,
        "summary": row.summary,
        "description": f"{row.description}\n\n{_who(row)}\n\n**Repeating.** {row.repeat}",
        "x-errors": {str(status): list(found) for status, found in codes_by_status(row).items()},
    }
    if row.scope is not None or row.for_devices:
        written["security"] = [{name: []} for name in _ways_in(row)]
    if row.parameters:
        written["parameters"] = [_parameter(parameter) for parameter in row.parameters]
    if row.request is not None:
        content = {"schema": schemas.reference(row.request.shape), **_examples(row)}
        written["requestBody"] = {"required": row.http.body_required, "content": {"application/json": content}}
    successes = {status: _success(row, status) for status in row.http.statuses}
    errors = {status: _error(row, status, found) for status, found in codes_by_status(row).items()}
    responses = errors | successes
    written["responses"] = {str(status): responses[status] for status in sorted(responses)}
    return written


def _ways_in(row: Operation) -> list[str]:
    """The names of the credentials that may call the row."""
    by_key = ["apiKeyAuth", "apiTokenAuth"] if row.scope is not None else []
    return ["bearerAuth", *by_key, *(["iotToken"] if row.for_devices else [])]


def _who(row: Operation) -> str:
    said = [f"**Roles.** {', '.join(sorted(row.roles))}."]
    if row.scope is not None:
        said.append(f"**Scope of a company key.** `{row.scope}`.")
    if row.for_devices:
        said.append("**Devices** may call it.")
    return " ".join(said)


def _examples(row: Operation) -> Json:
    """One example stands alone, several under their names."""
    if len(row.request_examples) == 1:
        (value,) = row.request_examples.values()
        return {"example": value}
    named = {name: {"value": value} for name, value in row.request_examples.items()}
    return {"examples": named} if named else {}


def _parameter(parameter: Parameter) -> Json:
    name = _component_name(parameter)
    return {"$ref": f"#/components/parameters/{name}"} if name else _described(parameter)


def _component_name(parameter: Parameter) -> str:
    """Under which name the document keeps the parameter; empty where it stands in its operation."""
    if parameter.place == "query":
        return parameter.component
    return parameter.name[0].upper() + parameter.name[1:]


def _described(parameter: Parameter) -> Json:
    described = {"description": parameter.description} if parameter.description else {}
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        **described,
        "schema": dict(parameter.schema),
        "example": parameter.example,
    }


def _success(row: Operation, status: int) -> Json:
    response: Json = {"description": row.http.statuses[status]}
    if row.answer is not None and status >= 200:
        content: Json = {"schema": schemas.reference(row.answer)}
        if status in row.answer_examples:
            content["example"] = row.answer_examples[status]
        response["content"] = {"application/json": content}
    return response


def _error(row: Operation, status: int, found: Sequence[Code]) -> Json:
    """The shared answer of the status, and what it means here where that is more. An answer to HEAD has no body."""
    description = _meaning(status, found)
    if row.http.method == "HEAD":
        return {"description": description, **_headers(status)}
    shared = {"$ref": f"#/components/responses/{REFUSALS[status].name}"}
    return shared if found == shared_codes(status) else {**shared, "description": description}


def _refusal(status: int) -> Json:
    content = {"application/json": {"schema": schemas.reference(Error)}}
    return {"description": _meaning(status, shared_codes(status)), **_headers(status), "content": content}


def _meaning(status: int, found: Sequence[Code]) -> str:
    codes = [f"- `{code}`: {CATALOGUE[code].message} {CATALOGUE[code].remedy}" for code in found]
    return "\n".join([REFUSALS[status].description, *([""] if codes else []), *codes])


def _headers(status: int) -> Json:
    headers = {name: {"required": True, **header} for name, header in REFUSALS[status].headers.items()}
    return {"headers": headers} if headers else {}
