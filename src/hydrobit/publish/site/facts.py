"""What the pages tell of a row, found once and printed as HTML and as Markdown."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hydrobit.errors import CATALOGUE, Code
from hydrobit.operation import Operation, Parameter
from hydrobit.publish import asyncapi, schemas
from hydrobit.publish.openapi import TAGS
from hydrobit.publish.refusals import REFUSALS, codes, codes_by_status, shared_codes
from hydrobit.wire.envelope import Error

__all__ = ["Answered", "Book", "Field", "Messages", "Refused", "example_of", "pretty"]

Json = dict[str, Any]

DEPTH_MAX = 5
"""A shape inside a shape is told so deep; nothing on the wire goes deeper."""


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a table of fields. `path` is the way to it, such as `records[].units`."""

    path: str
    kind: str
    required: bool
    description: str
    limits: tuple[str, ...]
    place: str = ""

    @property
    def depth(self) -> int:
        return self.path.count(".")


@dataclass(frozen=True, slots=True)
class Answered:
    """A success: its status, what it means, an example and the fields of its body."""

    status: int
    meaning: str
    example: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The refusals of one status: what is the row's own, and what any call can meet."""

    status: int
    meaning: str
    own: tuple[Code, ...]
    shared: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class Messages:
    """How messages reach a row: the topics, the user property that chooses it, and the reasons of refusals."""

    topic: str
    branch: str | None
    method: str | None
    reasons: Mapping[str, Sequence[str]]


class Book:
    """The table, read for pages. Everything that rows share is derived once."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = tuple(operations)

    @cached_property
    def tags(self) -> dict[str, tuple[str, list[Operation]]]:
        """Each tag's description and rows, in the order of the table."""
        found: dict[str, tuple[str, list[Operation]]] = {}
        for row in self.operations:
            found.setdefault(row.tag, (TAGS.get(row.tag, ""), []))[1].append(row)
        return found

    @cached_property
    def _schemas(self) -> Mapping[str, Json]:
        requests = [row.request.shape for row in self.operations if row.request is not None]
        answers = [row.answer for row in self.operations if row.answer is not None]
        return schemas.components(requests, [Error, *answers])

    def parameters(self, row: Operation) -> list[Field]:
        """The row's parameters of path and query."""
        return [_parameter(one) for one in row.parameters]

    def body(self, row: Operation) -> list[Field]:
        """The fields of the request's body, required ones first, inner ones below their own."""
        return [] if row.request is None else list(self._fields(schemas.title_of(row.request.shape)))

    def answer(self, row: Operation) -> list[Field]:
        """The fields of what a success answers."""
        return [] if row.answer is None else list(self._fields(schemas.title_of(row.answer)))

    def error(self) -> list[Field]:
        """The fields of the one body of all refusals."""
        return list(self._fields(schemas.title_of(Error)))

    def about(self, shape: str) -> str:
        """What a shape says of itself."""
        return str(self._schemas.get(shape, {}).get("description", ""))

    def answers(self, row: Operation) -> list[Answered]:
        """The row's successes."""
        return [
            Answered(status, meaning, row.answer_examples.get(status)) for status, meaning in row.http.statuses.items()
        ]

    def refusals(self, row: Operation) -> list[Refused]:
        """The row's refusals by status; a status that is a success here stays out."""
        return [
            Refused(
                status,
                REFUSALS[status].description,
                tuple(code for code in found if code not in shared_codes(status)),
                tuple(code for code in found if code in shared_codes(status)),
            )
            for status, found in sorted(codes_by_status(row).items())
            if status not in row.http.statuses
        ]

    def messages(self, row: Operation) -> Messages | None:
        """How messages reach the row; None where none do."""
        if row.topic is None:
            return None
        method = row.http.method if asyncapi.needs_method(row, self.operations) else None
        branch = asyncapi.branch_of(row) if row.for_devices else None
        return Messages(row.topic, branch, method, asyncapi.reasons(row))

    @cached_property
    def _operations_of(self) -> Mapping[Code, tuple[Operation, ...]]:
        answering = {row.name: codes(row) for row in self.operations}
        return {code: tuple(row for row in self.operations if code in answering[row.name]) for code in CATALOGUE}

    def operations_of(self, code: Code) -> tuple[Operation, ...]:
        """The rows that can answer with the code."""
        return self._operations_of[code]

    def is_everywhere(self, code: Code) -> bool:
        """Whether any call can meet the code."""
        return len(self._operations_of[code]) == len(self.operations)

    def _fields(self, shape: str, above: str = "", depth: int = 0) -> Iterator[Field]:
        schema = self._schemas[shape]
        required = set(schema.get("required", ()))
        properties: Mapping[str, Json] = schema.get("properties", {})
        for name in sorted(properties, key=lambda name: name not in required):
            yield from self._field(f"{above}{name}", properties[name], name in required, depth)

    def _field(self, path: str, schema: Json, required: bool, depth: int) -> Iterator[Field]:
        items = schema.get("items", {})
        named = _name_of(schema) or _name_of(items)
        shape = self._schemas.get(named, {})
        if shape.get("type") == "string":  # a text with a name of its own
            schema, named = shape | schema, ""
        about = schema.get("description") or (shape.get("description", "") if named else "")
        yield Field(path, _kind(schema), required, about, tuple(_limits(schema)))
        if named and depth < DEPTH_MAX:
            yield from self._fields(named, f"{path}[]." if items else f"{path}.", depth + 1)


def pretty(value: object) -> str:
    """JSON as people read it."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def example_of(row: Operation) -> Mapping[str, Any] | None:
    """The first example of the row's body."""
    return next(iter(row.request_examples.values()), None)


def _parameter(one: Parameter) -> Field:
    limits = [*_limits(dict(one.schema)), f"Example: `{one.example}`"]
    return Field(one.name, _kind(dict(one.schema)), one.required, one.description, tuple(limits), one.place)


def _name_of(schema: Json) -> str:
    reference: str = schema.get("$ref", "")
    for choice in schema.get("anyOf", ()):  # a shape or null
        reference = reference or choice.get("$ref", "")
    return reference.rpartition("/")[2]


def _kind(schema: Json) -> str:
    """The type in words: `string`, `list of number`, `object or null`."""
    if "anyOf" in schema:
        return " or ".join(_kind(choice) for choice in schema["anyOf"])
    told = schema.get("type", "object" if "$ref" in schema or "properties" in schema else "any")
    kinds = list(told) if isinstance(told, list) else [told]
    if "array" in kinds:
        kinds[kinds.index("array")] = f"list of {_kind(schema['items'])}" if schema.get("items") else "list"
    return " or ".join(kinds)


_FORMATS = {"date-time": "ISO 8601 with a zone.", "date": "A day, YYYY-MM-DD."}


def _limits(schema: Json) -> Iterable[str]:
    if said := _FORMATS.get(schema.get("format", "")):
        yield said
    if "const" in schema:
        yield f"Always `{schema['const']}`."
    if "enum" in schema:
        yield "One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + "."
    yield from _span(schema.get("minLength"), schema.get("maxLength"), "characters")
    yield from _span(schema.get("minItems"), schema.get("maxItems"), "elements")
    yield from _span(schema.get("minimum"), schema.get("maximum"), "")
    if "exclusiveMinimum" in schema:
        yield f"More than {_number(schema['exclusiveMinimum'])}."
    if "pattern" in schema:
        yield f"Fits `{schema['pattern']}`."
    if "default" in schema:
        yield f"`{json.dumps(schema['default'], ensure_ascii=False)}` where it is left out."
    if examples := schema.get("examples"):
        yield f"Example: `{examples[0] if isinstance(examples[0], str) else json.dumps(examples[0])}`"


def _span(least: float | None, most: float | None, what: str) -> Iterable[str]:
    what = f" {what}" if what else ""
    if least is not None and most is not None:
        yield f"{_number(least)} to {_number(most)}{what}."
    elif most is not None:
        yield f"At most {_number(most)}{what}."
    elif least is not None:
        yield f"At least {_number(least)}{what}."


def _number(value: float) -> str:
    return f"{value:,}"
