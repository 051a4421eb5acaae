"""From the shapes of `wire` to the schemas of the document (JSON Schema 2020-12, as OpenAPI 3.1 uses it).

msgspec tells what a shape decodes and encodes. The document tells what a caller may rely on, in the published form:
in a request an optional field is simply its type (null counts as left out, which the document says once); in an answer
what is always written is required, and only a true null is one.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct, inspect

from hydrobit.wire.fields import NULLABLE, PROMISED, SHAPE, Auth0Id

Schema = dict[str, Any]

_PREFIX = "#/components/schemas/"
_NAMED: dict[str, Schema] = {"Auth0Id": msgspec.json.schema(Auth0Id)}
"""Texts that have a published name of their own."""


def components(requests: Iterable[type[Struct]], answers: Iterable[type[Struct]]) -> dict[str, Schema]:
    """The schema of every shape that requests and answers reach, by its published name.

    Raises ValueError when a name stands for two different schemas.
    """
    found: dict[str, Schema] = dict(_NAMED)
    for shapes, in_request in ((requests, True), (answers, False)):
        for name, schema in _derive(shapes, in_request).items():
            if found.setdefault(name, schema) != schema:
                raise ValueError(f"requests and answers show {name} differently")
    return found


def reference(shape: type[Struct]) -> Schema:
    """Where the document keeps the shape's schema."""
    return {"$ref": _PREFIX + title_of(shape)}


def title_of(shape: type[Struct]) -> str:
    """The published name of a shape."""
    title: str = getattr(shape, "schema", {}).get("title", shape.__name__)
    return title


def _derive(shapes: Iterable[type[Struct]], in_request: bool) -> dict[str, Schema]:
    reached: dict[str, type[Struct]] = {}
    for shape in shapes:
        _reach(inspect.type_info(shape), reached)
    names = {name: title_of(shape) for name, shape in reached.items()}
    _, derived = msgspec.json.schema_components(reached.values(), ref_template=_PREFIX + "{name}")
    written = {}
    for name, shape in reached.items():
        schema = _published(derived[name] | getattr(shape, "schema", {}), in_request, names)
        del schema["title"]
        written[names[name]] = schema
    return written


def _reach(kind: inspect.Type, reached: dict[str, type[Struct]]) -> None:
    """Collects every struct below a type, also those that an element of raw JSON is read as later."""
    match kind:
        case inspect.StructType(cls=shape, fields=fields):
            if shape.__name__ not in reached:
                reached[shape.__name__] = shape
                for field in fields:
                    _reach(field.type, reached)
        case inspect.Metadata(type=inner, extra=extra):
            _reach(inner, reached)
            if extra and SHAPE in extra:
                _reach(inspect.type_info(extra[SHAPE]), reached)
        case inspect.ListType(item_type=item):
            _reach(item, reached)
        case inspect.UnionType(types=types):
            for inner in types:
                _reach(inner, reached)


def _published(schema: Schema, in_request: bool, names: dict[str, str]) -> Schema:
    """One schema in the published form."""
    if "anyOf" in schema:
        schema = _without_null(schema, in_request)
    for name, named in _NAMED.items():
        if schema == named:
            return {"$ref": _PREFIX + name}
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_PREFIX)
        return {**schema, "$ref": _PREFIX + names.get(name, name)}
    kind = schema.get("type", "string" if "enum" in schema else None)  # the enum of a Literal comes without its type
    written = {"type": kind, **schema} if kind else dict(schema)
    if "items" in written:
        written["items"] = _published(written["items"], in_request, names)
    if "properties" in written:
        written["required"] = _required(written, in_request)
        written["properties"] = {
            name: _published(inner, in_request, names) for name, inner in written["properties"].items()
        }
    if not in_request:
        written.pop("default", None)
    for mark in (PROMISED, NULLABLE):
        written.pop(mark, None)
    return {name: value for name, value in written.items() if (name, value) != ("required", [])}


def _without_null(schema: Schema, in_request: bool) -> Schema:
    """`X or null` as X in a request, unless null is published there; in an answer as X with the type null beside it."""
    (inner,) = (choice for choice in schema["anyOf"] if choice != {"type": "null"})
    if in_request and not inner.get(NULLABLE):
        return dict(inner)
    return {**inner, "type": [inner["type"], "null"]}


def _required(schema: Schema, in_request: bool) -> list[str]:
    """What has to be sent; or what is always written, in an answer: also where the shape has a default."""
    sure = set(schema["required"])
    if not in_request:
        sure |= {name for name, inner in schema["properties"].items() if "default" in inner}
    return [name for name, inner in schema["properties"].items() if name in sure and inner.get(PROMISED, True)]
