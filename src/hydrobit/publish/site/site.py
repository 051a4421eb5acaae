"""The whole site: what is at which address, and what makes it. Nothing is made before somebody asks for it."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hydrobit.operation import Operation
from hydrobit.publish.site.addresses import ASSETS, DOCS, address, files, page_address

if TYPE_CHECKING:  # it brings what reads Markdown and colours programs
    from hydrobit.publish.site.making import Maker

__all__ = ["Made", "made"]

FOLDER = Path(__file__).with_name("assets")
HTML, MARKDOWN, JSON = b"text/html; charset=utf-8", b"text/markdown; charset=utf-8", b"application/json"
TEXT = b"text/plain; charset=utf-8"
_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}


class Made(NamedTuple):
    """What makes a page, and what it is."""

    make: Callable[[], bytes]
    content_type: bytes
    cache_control: bytes = b"no-cache"
    """Whoever has it asks whether it is still right."""


def made(operations: Sequence[Operation], folder: Path, *, has_mock: bool) -> Mapping[str, Made]:
    """Everything of the site by its path. `folder` holds `docs`; `has_mock` is whether the mock stands beside it."""
    assets = sorted(file for file in FOLDER.rglob("*") if file.suffix in _TYPES)
    site = _Site(operations, folder, assets, has_mock=has_mock)
    found = {
        DOCS: Made(lambda: site.maker.overview(), HTML),
        f"{DOCS}/errors": Made(lambda: site.maker.errors(), HTML),
        f"{DOCS}/index.md": Made(lambda: site.maker.plain_index(), MARKDOWN),
        f"{DOCS}/errors.md": Made(lambda: site.maker.plain_errors(), MARKDOWN),
        "/llms.txt": Made(lambda: site.maker.llms(), TEXT),
        f"{DOCS}/search.json": Made(lambda: site.maker.search(), JSON),
        f"{DOCS}/postman.json": Made(lambda: site.maker.postman(), JSON),
    }
    for row in operations:
        found[address(row)] = Made(partial(site.operation, row), HTML)
        found[f"{address(row)}.md"] = Made(partial(site.plain_operation, row), MARKDOWN)
    for path, _ in files(folder):
        found[page_address(path)] = Made(partial(site.page, path), HTML)
        found[f"{page_address(path)}.md"] = Made(partial(site.plain_page, path), MARKDOWN)
    for file in assets:  # their addresses on the pages carry a word that changes with their content
        place = f"{ASSETS}/{file.relative_to(FOLDER).as_posix()}"
        found[place] = Made(file.read_bytes, _TYPES[file.suffix], b"max-age=31536000, immutable")
    return found


class _Site:
    """The maker of all pages, there from the first one on."""

    def __init__(
        self, operations: Sequence[Operation], folder: Path, assets: Sequence[Path], *, has_mock: bool
    ) -> None:
        self._of, self._has_mock = (operations, folder, assets), has_mock

    @cached_property
    def maker(self) -> "Maker":
        from hydrobit.publish.site.making import Maker

        return Maker(*self._of, has_mock=self._has_mock)

    def operation(self, row: Operation) -> bytes:
        return self.maker.operation(row)

    def plain_operation(self, row: Operation) -> bytes:
        return self.maker.plain_operation(row)

    def page(self, path: str) -> bytes:
        return self.maker.page(path)

    def plain_page(self, path: str) -> bytes:
        return self.maker.plain_page(path)
