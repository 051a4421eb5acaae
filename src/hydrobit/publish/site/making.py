"""What makes the pages. It is imported when the first page is asked for: a start does not wait for it."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from hydrobit.operation import Operation
from hydrobit.publish.site import catalogue, overview, plain, postman, search
from hydrobit.publish.site import operations as operation_pages
from hydrobit.publish.site.addresses import DOCS, address
from hydrobit.publish.site.facts import Book, pretty
from hydrobit.publish.site.frame import Frame, digest
from hydrobit.publish.site.prose import Library

__all__ = ["Maker"]

SAMPLES_RUN = "docs/reference/samples-run.md"
"""The page of docs/ that tells which samples were run, and with what."""


class Maker:
    """Makes each page of a table, and of a folder that holds `docs`. `assets` are the files that all pages name."""

    def __init__(
        self, operations: Sequence[Operation], folder: Path, assets: Sequence[Path], *, has_mock: bool
    ) -> None:
        self._book = Book(operations)
        self._library = Library(folder, [row.name for row in operations])
        self._assets, self._has_mock = assets, has_mock

    @cached_property
    def _frame(self) -> Frame:
        digests = {file.name: digest(file.read_bytes()) for file in self._assets}
        tags = {tag: rows for tag, (_, rows) in self._book.tags.items()}
        return Frame(tags, self._library.guides(), digests)

    def overview(self) -> bytes:
        """The first page."""
        return self._frame.page(
            "Hydrobit API: count farm work once, and right",
            "What a session, a movement, a void and a key are, a first call in five minutes, and every operation.",
            overview.main(self._book, self._library.guides(), has_mock=self._has_mock),
            at=DOCS,
            kind="overview",
            plain=f"{DOCS}/index.md",
        )

    def errors(self) -> bytes:
        """The catalogue of errors."""
        return self._frame.page(
            "Errors by code · Hydrobit API",
            "Every error code: what happened, what to do, and which operations answer it.",
            catalogue.main(self._book),
            at=f"{DOCS}/errors",
            kind="reading",
            plain=f"{DOCS}/errors.md",
        )

    def operation(self, row: Operation) -> bytes:
        """The page of one row."""
        return self._frame.page(
            f"{row.summary} · Hydrobit API",
            row.description.replace("`", ""),
            operation_pages.main(self._book, row, has_mock=self._has_mock, samples_run=self._library.find(SAMPLES_RUN)),
            at=address(row),
            kind="reference",
            plain=f"{address(row)}.md",
        )

    def page(self, path: str) -> bytes:
        """A page of docs/."""
        page = self._library.page(path)
        return self._frame.page(
            f"{page.title} · Hydrobit",
            page.first_words,
            page.article(*self._library.beside(page)),
            at=page.address,
            kind="reading",
            plain=f"{page.address}.md",
        )

    # The same as Markdown, and what programs read.

    def plain_index(self) -> bytes:
        return plain.index(self._book, self._library)

    def plain_errors(self) -> bytes:
        return plain.errors(self._book)

    def plain_operation(self, row: Operation) -> bytes:
        return plain.operation(self._book, row)

    def plain_page(self, path: str) -> bytes:
        return plain.page(self._library.page(path))

    def llms(self) -> bytes:
        return plain.llms(self._book, self._library)

    def search(self) -> bytes:
        return search.index(self._book, self._library.pages)

    def postman(self) -> bytes:
        return pretty(postman.collection(self._book)).encode()
