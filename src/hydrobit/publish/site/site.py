"""The whole site: what is at which address, and what makes it. Nothing is made before somebody asks for it."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

from hydrobit.operation import Operation
from hydrobit.publish.site import catalogue, overview, plain, postman, search
from hydrobit.publish.site import operations as operation_pages
from hydrobit.publish.site.facts import Book, pretty
from hydrobit.publish.site.frame import ASSETS, DOCS, Frame, address, digest
from hydrobit.publish.site.guides import main as guides_main
from hydrobit.publish.site.prose import PAGES, Library, Page

__all__ = ["Made", "Site", "made"]

FOLDER = Path(__file__).with_name("assets")
HTML, MARKDOWN, JSON = b"text/html; charset=utf-8", b"text/markdown; charset=utf-8", b"application/json"
_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".woff2": b"font/woff2",
}


class Made(NamedTuple):
    """What makes a page, and what it is."""

    make: Callable[[], bytes]
    content_type: bytes


class Site:
    """The pages of a table and of a folder that holds `docs`. What they share is read when the first one is made."""

    def __init__(self, operations: Sequence[Operation], folder: Path) -> None:
        self._book = Book(operations)
        self._library = Library(folder, [row.name for row in operations])

    def made(self) -> dict[str, Made]:
        """Everything by its path."""
        found = {
            DOCS: Made(self._overview, HTML),
            f"{DOCS}/errors": Made(self._errors, HTML),
            PAGES: Made(self._guides, HTML),
            f"{DOCS}/index.md": Made(lambda: plain.index(self._book, self._library), MARKDOWN),
            f"{DOCS}/errors.md": Made(lambda: plain.errors(self._book), MARKDOWN),
            "/llms.txt": Made(lambda: plain.llms(self._book, self._library), b"text/plain; charset=utf-8"),
            f"{DOCS}/search.json": Made(lambda: search.index(self._book, self._library.pages), JSON),
            f"{DOCS}/postman.json": Made(lambda: pretty(postman.collection(self._book)).encode(), JSON),
        }
        for row in self._book.operations:
            found[address(row)] = Made(partial(self._operation, row), HTML)
            found[f"{address(row)}.md"] = Made(partial(plain.operation, self._book, row), MARKDOWN)
        for page in self._library.pages:
            found[page.address] = Made(partial(self._page, page), HTML)
            found[f"{page.address}.md"] = Made(partial(plain.page, page), MARKDOWN)
        for file in _asset_files():
            kind = _TYPES[file.suffix]
            found[f"{ASSETS}/{file.relative_to(FOLDER).as_posix()}"] = Made(file.read_bytes, kind)
        return found

    @cached_property
    def _frame(self) -> Frame:
        assets = {file.name: digest(file.read_bytes()) for file in _asset_files()}
        tags = {tag: rows for tag, (_, rows) in self._book.tags.items()}
        return Frame(tags, self._library.guides(), assets)

    def _overview(self) -> bytes:
        return self._frame.page(
            "Hydrobit API: count farm work once, and right",
            "What a session, a movement, a void and a key are, a first call in five minutes, and every operation.",
            overview.main(self._book, self._library.guides()),
            at=DOCS,
            kind="overview",
            plain=f"{DOCS}/index.md",
        )

    def _errors(self) -> bytes:
        return self._frame.page(
            "Errors by code · Hydrobit API",
            "Every error code: what happened, what to do, and which operations answer it.",
            catalogue.main(self._book),
            at=f"{DOCS}/errors",
            kind="reading",
            plain=f"{DOCS}/errors.md",
        )

    def _operation(self, row: Operation) -> bytes:
        return self._frame.page(
            f"{row.summary} · Hydrobit API",
            row.description.replace("`", ""),
            operation_pages.main(self._book, row),
            at=address(row),
            kind="reference",
            plain=f"{address(row)}.md",
        )

    def _guides(self) -> bytes:
        return self._frame.page(
            "Guides · Hydrobit",
            "Every page beside the reference: tutorial, how-to, explanation, decisions, changes.",
            guides_main(self._library),
            at=PAGES,
            kind="reading",
        )

    def _page(self, page: Page) -> bytes:
        return self._frame.page(
            f"{page.title} · Hydrobit",
            page.first_words,
            page.article(),
            at=page.address,
            kind="reading",
            plain=f"{page.address}.md",
        )


def made(operations: Sequence[Operation], folder: Path) -> Mapping[str, Made]:
    """Everything of the site by its path."""
    return Site(operations, folder).made()


def _asset_files() -> list[Path]:
    return sorted(file for file in FOLDER.rglob("*") if file.suffix in _TYPES)
