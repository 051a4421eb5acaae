"""Answers of the running app, held against the derived document.

    check_answer(document, "POST", "/api/control/production/records", 201, response.headers, response.content)
    client.event_hooks = {"response": [checking(document)]}  # the same for every answer of an httpx client

An answer that the document does not describe raises AssertionError with a sentence that names what is wrong.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import httpx
from jsonschema_rs import Draft202012Validator, Registry

Json = dict[str, Any]

_WRITTEN_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_BASE = "urn:document"


def is_written_instant(value: str) -> bool:
    """Instants are written with milliseconds and Z (contract, "Reading a request")."""
    return _WRITTEN_INSTANT.fullmatch(value) is not None


class Described:
    """A document whose schemas validate values, each compiled once."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self._validators: dict[str, Draft202012Validator] = {}
        self._templates = {
            template: re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))) for template in document["paths"]
        }

    @cached_property
    def _registry(self) -> Registry:
        return Registry([(_BASE, self.document)])

    def faults(self, schema: Json, value: object) -> list[str]:
        """Where a value does not fit a schema of the document, as sentences."""
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            absolute = json.loads(key.replace('"#/', f'"{_BASE}#/'))
            self._validators[key] = Draft202012Validator(
                absolute, registry=self._registry, validate_formats=True, formats={"date-time": is_written_instant}
            )
        return [
            f"{'/'.join(map(str, error.instance_path))}: {error.message}"
            for error in self._validators[key].iter_errors(value)
        ]

    def path(self, path: str) -> str | None:
        """The path template that a path belongs to; a template is its own. Fixed paths win."""
        if path in self._templates:
            return path
        return next((template for template, pattern in self._templates.items() if pattern.fullmatch(path)), None)

    def response(self, method: str, path: str, status: int) -> tuple[Json, list[str] | None]:
        """What the document says of an answer, and the codes it may carry. Raises AssertionError if nothing."""
        template = self.path(path)
        if template is None:
            return self._outside(path, status, 404, "NotFound"), ["unknown_path"]
        operation = self.document["paths"][template].get(method.lower())
        if operation is None:
            return self._outside(path, status, 405, "MethodNotAllowed"), ["method_not_allowed"]
        response = operation["responses"].get(str(status))
        assert response is not None, f"{method} {template} answered {status}, which the document does not know"
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        return response, operation["x-errors"].get(str(status))

    def _outside(self, path: str, status: int, wanted: int, name: str) -> Json:
        assert status == wanted, f"{path} is not described so; the answer must be {wanted}, not {status}"
        response: Json = self.document["components"]["responses"][name]
        return response


_described: dict[int, Described] = {}


def described(document: Json) -> Described:
    """The document with its compiled schemas; the same object for the same document."""
    if id(document) not in _described:
        _described[id(document)] = Described(document)
    return _described[id(document)]


def check_answer(document: Json, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raises AssertionError unless the document describes this answer. `path` is a template or what was called.

    Looks at the status, the promised headers, the content type, the body's schema, and whether the code of an error is
    one that the operation lists.
    """
    document_ = described(document)
    response, codes = document_.response(method, path, status)
    sent = {name.lower(): value for name, value in headers.items()}
    call = f"{method} {path} {status}"
    for name in response.get("headers", {}):
        assert name.lower() in sent, f"{call}: the header {name} is missing"
    if method.upper() == "HEAD":
        assert body == b"", f"{call}: an answer to HEAD has no body"
        assert sent.get("content-length") == "0", f"{call}: Content-Length is {sent.get('content-length')!r}, not '0'"
        return
    kind = sent.get("content-type", "").partition(";")[0]
    assert kind in response["content"], f"{call}: the content type is {kind!r}"
    value = json.loads(body)
    faults = document_.faults(response["content"][kind]["schema"], value)
    assert not faults, f"{call}: {'; '.join(faults)}"
    if status >= 400:
        assert value.get("code") in (codes or ()), f"{call}: the code {value.get('code')!r} is none of {codes}"
        assert value.get("requestId"), f"{call}: the requestId is missing"


def checking(document: Json) -> Callable[[httpx.Response], None]:
    """A response hook for an httpx client: every answer below /api/ is held against the document."""

    def check(response: httpx.Response) -> None:
        path = response.request.url.raw_path.partition(b"?")[0].decode()
        if path.startswith("/api/"):
            check_answer(
                document, response.request.method, path, response.status_code, response.headers, response.read()
            )

    return check
