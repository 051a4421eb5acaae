"""The index that the page's script searches: small enough to be fetched whole when somebody begins to type."""

import json
from collections.abc import Iterable, Iterator
from textwrap import shorten

from hydrobit.errors import CATALOGUE
from hydrobit.publish.site.addresses import DOCS, address
from hydrobit.publish.site.facts import Book
from hydrobit.publish.site.fields import anchor
from hydrobit.publish.site.prose import Page

__all__ = ["index"]

Entry = tuple[str, str, str, str]
"""Its kind, its title, what else it is found by and shows, and where it is."""


def index(book: Book, pages: Iterable[Page]) -> bytes:
    """The whole index as JSON: a list of entries, the more general ones first."""
    entries = [*_operations(book), *_codes(), *_headings(pages), *_fields(book)]
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()


def _operations(book: Book) -> Iterator[Entry]:
    yield "page", "Overview", "what it is, a first call", DOCS
    yield "page", "Errors by code", "catalogue of errors, refusals", f"{DOCS}/errors"
    for row in book.operations:
        yield "operation", row.summary, f"{row.name} {row.http.method} {row.http.path}", address(row)


def _codes() -> Iterator[Entry]:
    for code, meaning in CATALOGUE.items():
        yield "code", code.value, f"{meaning.status} {meaning.message}", f"{DOCS}/errors#{code}"


def _headings(pages: Iterable[Page]) -> Iterator[Entry]:
    for page in pages:
        yield "page", page.title, shorten(page.first_words, 80, placeholder=" ..."), page.address
        for heading in page.headings:
            yield "page", heading.text, page.title, f"{page.address}#{heading.anchor}"


def _fields(book: Book) -> Iterator[Entry]:
    for row in book.operations:
        for prefix, fields in (("parameter", book.parameters(row)), ("body", book.body(row))):
            for field in fields:
                yield "field", field.path, row.name, f"{address(row)}#{anchor(prefix, field)}"
