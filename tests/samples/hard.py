"""A row whose texts have every sign that means something in some language, and who hears what is sent of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from hydrobit.catalog import OPERATIONS
from hydrobit.operation import Operation, Parameter
from hydrobit.publish.samples import TOKEN

NAME = "(texts full of signs)"
SEED = 20251019
RANDOM_TEXTS = 200
_SIGNS = [
    *"'\"\\`$#{}()[]<>%&;!?*~^|@=+-_/., \t\n\r\0\x1b\x7f",
    "ñ",
    "é",
    "漢",
    "🍓",
    "\u2028",
    "\u200f",
    "\ufeff",
    "\xa0",
]
_WORDS = [
    "#{1+1}",
    "${HOME}",
    "$HOME",
    "$(id)",
    "`id`",
    "%s",
    "%n",
    "\\u0041",
    "\\n",
    '"""',
    "'''",
    '"--(',
    ')--"',
    ')"',
]
_MORE = [
    "\nJSON\n",
    "JSON;",
    "EOF",
    "{{url}}",
    "{{body?}}",
    "?>",
    "<?php",
    "*/",
    "//",
    "-- ",
    "\\",
    "\\\\",
    "",
    " ",
    "@file",
    "é",
]
_PATH = ["'", '"', "$HOME", "`", "#", "?", "&", "%41", "ñ", " ", "🍓", "{}", "\\"]


@dataclass(frozen=True, slots=True)
class Heard:
    """One request as it came, its texts decoded."""

    authorization: str | None
    method: str
    path: str
    query: dict[str, list[str]]
    body: Any


def texts(seed: int = SEED) -> list[str]:
    """Known stumbling blocks, then seeded mixtures of them."""
    random = Random(seed)
    parts = _SIGNS + _WORDS + _MORE
    return [*parts, *("".join(random.choices(parts, k=random.randint(2, 12))) for _ in range(RANDOM_TEXTS))]


def row() -> Operation:
    """A row with hard texts in its path, its query and its body."""
    found = texts()
    body = {"texts": found, "named": {text: number for number, text in enumerate(found)}, "no": None, "yes": True}
    model = next(row for row in OPERATIONS if row.name == "addSector")
    return replace(
        model,
        name=NAME,
        parameters=(
            Parameter("projectId", "path", True, "".join(_PATH)),
            Parameter("q", "query", True, "".join(_PATH + _WORDS)),
        ),
        request_examples={"hard": body | {"number": -99.134, "none": [], "nothing": {}}},
    )


def wanted(row: Operation) -> Heard:
    """What a right sample of the row sends."""
    place, said = (parameter.example for parameter in row.parameters)
    path = row.http.path.replace("{projectId}", str(place))
    return Heard(
        f"Bearer {TOKEN}", row.http.method, path, {"q": [str(said)]}, next(iter(row.request_examples.values()))
    )


def difference(heard: Heard, wanted: Heard) -> str:
    """Where what came differs from what was to come; empty where it does not."""
    for name in ("authorization", "method", "path", "query"):
        came, meant = getattr(heard, name), getattr(wanted, name)
        if came != meant:
            return f"the {name} {came!r} came for {meant!r}"
    if heard.body == wanted.body:
        return ""
    for came, meant in zip(heard.body["texts"], wanted.body["texts"], strict=True):
        if came != meant:
            return f"{came!r} came for {meant!r}"
    return "the body came with other members"


@contextmanager
def listening() -> Iterator[tuple[str, list[Heard]]]:
    """Somebody who writes down what comes, and is content with all of it: the address, and the list."""
    heard: list[Heard] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            place = urlsplit(self.path)
            body = self.rfile.read(int(self.headers["content-length"]))
            said = self.headers["authorization"]
            heard.append(Heard(said, self.command, unquote(place.path), parse_qs(place.query), json.loads(body)))
            self.send_response(201)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *said: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", heard
        finally:
            server.shutdown()
            thread.join()
