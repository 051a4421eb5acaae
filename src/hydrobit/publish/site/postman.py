"""A collection for Postman, in its format 2.1: a folder a tag, a request a row, with the published examples."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from hydrobit.operation import Operation, Parameter
from hydrobit.publish.samples import BASE, TOKEN
from hydrobit.publish.site.facts import Book, example_of, pretty

__all__ = ["SCHEMA", "collection"]

Json = dict[str, Any]

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"


def collection(book: Book) -> Json:
    """The whole collection. Ids of paths and the caller are variables, so that they are set once for all requests."""
    return {
        "info": {
            "_postman_id": str(uuid5(NAMESPACE_URL, SCHEMA + "#hydrobit")),
            "name": "Hydrobit API 2.0.0",
            "description": "Set `baseUrl` and `token`. For the mock server, end `baseUrl` with `/_mock/spec/openapi`.",
            "schema": SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "variable": [{"key": name, "value": value} for name, value in _variables(book).items()],
        "item": [
            {"name": tag, "description": about, "item": [_item(row) for row in rows]}
            for tag, (about, rows) in book.tags.items()
        ],
    }


def _variables(book: Book) -> Mapping[str, str]:
    found = {"baseUrl": BASE, "token": TOKEN}
    for row in book.operations:
        for one in row.parameters:
            if one.place == "path" or one.name == "auth0Id":
                found.setdefault(one.name, str(one.example))
    return found


def _item(row: Operation) -> Json:
    request = _request(row)
    return {
        "name": row.summary,
        "request": request,
        "response": [
            {
                "name": meaning,
                "originalRequest": request,
                "status": meaning,
                "code": status,
                "header": [{"key": "Content-Type", "value": "application/json"}],
                "body": pretty(row.answer_examples[status]),
                "_postman_previewlanguage": "json",
            }
            for status, meaning in row.http.statuses.items()
            if status in row.answer_examples
        ],
    }


def _request(row: Operation) -> Json:
    request: Json = {
        "method": row.http.method,
        "description": f"{row.name}\n\n{row.description}\n\n{row.repeat}",
        "header": [],
        "url": _url(row),
    }
    example = example_of(row)
    if example is not None:
        told = {name: "{{auth0Id}}" if name == "auth0Id" else value for name, value in example.items()}
        request["header"] = [{"key": "Content-Type", "value": "application/json"}]
        request["body"] = {"mode": "raw", "raw": pretty(told), "options": {"raw": {"language": "json"}}}
    return request


def _url(row: Operation) -> Json:
    path = [f"{{{{{part[1:-1]}}}}}" if part.startswith("{") else part for part in row.http.path.strip("/").split("/")]
    query = [*_query(row.parameters)]
    asked = "&".join(f"{one['key']}={one['value']}" for one in query if not one.get("disabled"))
    raw = "/".join(["{{baseUrl}}", *path]) + (f"?{asked}" if asked else "")
    return {"raw": raw, "host": ["{{baseUrl}}"], "path": path, **({"query": query} if query else {})}


def _query(parameters: Sequence[Parameter]) -> Iterator[Json]:
    for one in parameters:
        if one.place == "query":
            value = "{{auth0Id}}" if one.name == "auth0Id" else str(one.example)
            said = {"description": one.description} if one.description else {}
            yield {"key": one.name, "value": value, **said, **({} if one.required else {"disabled": True})}
