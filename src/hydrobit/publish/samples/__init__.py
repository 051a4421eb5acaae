"""A sample for every row and language: a whole program or command, which runs as it is printed."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from hydrobit.operation import Operation
from hydrobit.publish.samples import csharp, curl, go, java, javascript, node, php, python, r, ruby
from hydrobit.publish.samples.language import Language, fill
from hydrobit.publish.samples.literals import json_text

__all__ = ["BASE", "LANGUAGES", "TOKEN", "Language", "payload", "sample"]

BASE = "http://127.0.0.1:8080"
TOKEN = "<YOUR_JWT_HERE>"
"""The published placeholder."""

LANGUAGES: tuple[Language, ...] = (
    curl.LANGUAGE,
    javascript.LANGUAGE,
    node.LANGUAGE,
    python.LANGUAGE,
    java.LANGUAGE,
    csharp.LANGUAGE,
    php.LANGUAGE,
    go.LANGUAGE,
    ruby.LANGUAGE,
    r.LANGUAGE,
)
"""In the published order."""


def sample(row: Operation, language: Language, base: str = BASE, token: str = TOKEN) -> str:
    """The program that calls the row with its examples, prints the status and the body, and fails where that is no
    success. A reader's own address and token may as well be put in later, in the place of `BASE` and `TOKEN`.
    """
    body = example(row)
    texts = {
        "url": url_of(row, base),
        "method": row.http.method,
        "bearer": f"Bearer {token}",
        "authorization": f"Authorization: Bearer {token}",
        "token": token,
        "tokenheader": f"x-iot-token: {token}",
    }
    values = {name: language.text(text) for name, text in texts.items()}
    values["body"] = "" if body is None else language.body(body)
    values["verb"], values["class"] = row.http.method, row.http.method.capitalize()
    template = language.handshake if 101 in row.http.statuses else language.program
    return fill(template, values, _facts(row, body))


def payload(row: Operation) -> str | None:
    """The body of the row's first example as JSON; None where it needs none."""
    body = example(row)
    return None if body is None else json_text(body)


def example(row: Operation) -> Mapping[str, Any] | None:
    """The row's first example."""
    return next(iter(row.request_examples.values()), None)


def url_of(row: Operation, base: str = BASE) -> str:
    """Where the sample calls: the path with its examples, and what the query has to say; filters are left out."""
    path = row.http.path
    for parameter in row.parameters:
        path = path.replace(f"{{{parameter.name}}}", quote(str(parameter.example), safe=""))
    query = {
        one.name: one.example for one in row.parameters if one.place == "query" and (one.required or one.is_in_samples)
    }
    return base + path + (f"?{urlencode(query, quote_via=quote)}" if query else "")


def _facts(row: Operation, body: object) -> set[str]:
    """What lines of a template are asked about."""
    is_answer = 404 in row.http.statuses
    return {"no body" if body is None else "body", "404" if is_answer else "no 404"}
