"""The published examples to the letter: `Prefer: example=...`, `Prefer: code=409` (RFC 7240)."""

import re
from dataclasses import dataclass
from typing import Any

from hydrobit.errors import CATALOGUE, Code, Refused
from hydrobit.operation import Operation
from hydrobit.publish.refusals import codes_by_status
from hydrobit.wire.envelope import Error, encode, error

_PIECE = re.compile(r'(?:[^";,]|"[^"]*")+')
"""One preference. Strangers send what is read by it: it never goes back over what it has read."""
APPLIED = b"preference-applied"


@dataclass(frozen=True, slots=True)
class Example:
    """An answer as it is published. `name` is unique in its row."""

    name: str
    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Preference:
    """What a call prefers of the examples; None where it does not say."""

    example: str | None
    code: str | None

    @property
    def applied(self) -> bytes:
        """The words of `Preference-Applied`."""
        said = (("code", self.code), ("example", self.example))
        return ", ".join(f"{name}={value}" for name, value in said if value is not None).encode("latin-1", "replace")


def read(header: bytes | None) -> Preference | None:
    """What the header asks for; None where it asks for no example. The first of several says it (RFC 7240, 2)."""
    if header is None:
        return None
    said: dict[str, str] = {}
    for piece in _PIECE.findall(header.decode("latin-1")):
        name, _, value = piece.partition("=")
        said.setdefault(name.strip().lower(), value.strip().strip('"'))
    wanted = Preference(said.get("example") or None, said.get("code") or None)
    return wanted if wanted != Preference(None, None) else None


def examples(operation: Operation) -> list[Example]:
    """All answers that are published of a row: its successes, the error of each status, and one of each code."""
    found = [Example(str(status), status, body) for status, body in operation.answer_examples.items()]
    by_request = next(iter(found), None)
    if by_request is not None:
        found += [Example(name, by_request.status, by_request.body) for name in operation.request_examples]
    for status, codes in codes_by_status(operation).items():
        if operation.http.method == "HEAD":
            found.append(Example(str(status), status, None))
            continue
        found.append(Example(str(status), status, Error.schema["example"]))
        found += [
            Example(code.value, status, error(Refused(code, CATALOGUE[code].remedy), "example")) for code in codes
        ]
    if operation.http.method == "HEAD":
        found += [Example(str(status), status, None) for status in operation.http.statuses]
    return found


def find(operation: Operation, wanted: Preference) -> Example:
    """The example that is wanted. Raises Refused, invalid_value, naming those there are."""
    there = examples(operation)
    for example in there:
        if wanted.example in (None, example.name) and wanted.code in (None, str(example.status)):
            return example
    names = ", ".join(example.name for example in there)
    raise Refused(
        Code.invalid_value,
        f"{operation.name} has no example {wanted.applied.decode('latin-1')}; there are: {names}.",
        field="Prefer",
    )


def body_of(example: Example) -> bytes:
    """The example as JSON, without a word more."""
    return b"" if example.body is None else encode(example.body)
