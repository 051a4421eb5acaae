"""The Postman collection, held against the essentials of its published schema 2.1.0."""

from collections.abc import Iterator
from typing import Any

import jsonschema

from hydrobit.catalog import OPERATIONS
from hydrobit.publish.site.facts import Book
from hydrobit.publish.site.postman import SCHEMA, collection

PAIRS = {
    "type": "array",
    "items": {"type": "object", "required": ["key", "value"], "properties": {"value": {"type": "string"}}},
}
REQUEST = {
    "type": "object",
    "required": ["method", "url"],
    "properties": {
        "method": {"enum": ["GET", "HEAD", "POST", "PATCH"]},
        "header": PAIRS,
        "url": {
            "type": "object",
            "required": ["raw", "host", "path"],
            "properties": {
                "raw": {"type": "string"},
                "host": {"type": "array", "items": {"type": "string"}},
                "path": {"type": "array", "items": {"type": "string"}},
                "query": PAIRS,
            },
        },
        "body": {
            "type": "object",
            "required": ["mode", "raw"],
            "properties": {"mode": {"const": "raw"}, "raw": {"type": "string"}},
        },
    },
}
ESSENTIALS = {
    "type": "object",
    "required": ["info", "item"],
    "properties": {
        "info": {
            "type": "object",
            "required": ["name", "schema"],
            "properties": {"name": {"type": "string"}, "schema": {"const": SCHEMA}},
        },
        "variable": PAIRS,
        "auth": {"type": "object", "required": ["type"], "properties": {"bearer": PAIRS}},
        "item": {"type": "array", "items": {"$ref": "#/$defs/folder"}},
    },
    "$defs": {
        "folder": {
            "type": "object",
            "required": ["name", "item"],
            "properties": {"item": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/item"}}},
        },
        "item": {
            "type": "object",
            "required": ["name", "request"],
            "properties": {
                "request": REQUEST,
                "response": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name", "originalRequest", "code"],
                        "properties": {
                            "originalRequest": REQUEST,
                            "code": {"type": "integer"},
                            "body": {"type": "string"},
                            "header": PAIRS,
                        },
                    },
                },
            },
        },
    },
}
COLLECTION = collection(Book(OPERATIONS))


def requests() -> Iterator[dict[str, Any]]:
    for folder in COLLECTION["item"]:
        for item in folder["item"]:
            yield item["request"]


def test_it_has_the_form_that_postman_imports() -> None:
    jsonschema.validate(COLLECTION, ESSENTIALS)


def test_every_operation_is_in_it_once() -> None:
    told = [request["description"].partition("\n")[0] for request in requests()]
    assert sorted(told) == sorted(row.name for row in OPERATIONS)


def test_every_variable_that_a_request_names_is_set() -> None:
    known = {one["key"] for one in COLLECTION["variable"]}
    for request in requests():
        parts = (*request["url"]["host"], *request["url"]["path"])
        assert {part[2:-2] for part in parts if part.startswith("{{")} <= known
