"""The Markdown of docs/ as pages. The files themselves are handed in as a folder; they lie in the package too."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from hydrobit.publish.site import programs
from hydrobit.publish.site.addresses import (
    DOCS,
    GROUPS,
    INDEX,
    INDEX_OF_ALL,
    MADE_ELSEWHERE,
    PAGES,
    files,
    page_address,
)
from hydrobit.publish.site.frame import Guide
from hydrobit.publish.site.markup import Html, element

__all__ = ["Heading", "Library", "Page", "anchor_of"]

PARTS_LISTED_MIN = 3
"""A page of fewer parts needs no list of them."""
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a page, and its anchor."""

    level: int
    text: str
    anchor: str


class Page:
    """One file. `path` is where it lies from the root of the source."""

    def __init__(self, path: str, file: Path, known: Mapping[str, str]) -> None:
        self.path, self._file, self._known = path, file, known

    @cached_property
    def text(self) -> str:
        """The Markdown."""
        return self._file.read_text(encoding="utf-8")

    @cached_property
    def title(self) -> str:
        """Its first heading."""
        found = _TITLE.search(self.text)
        return found[1].replace("`", "") if found else self._file.stem

    @property
    def address(self) -> str:
        return page_address(self.path)

    @property
    def group(self) -> str:
        return self.path.removeprefix("docs/").rpartition("/")[0]

    @cached_property
    def first_words(self) -> str:
        """Its first sentences, for those who look for it."""
        for part in _COMMENT.sub("", self.text).split("\n\n"):
            if part[:1].isalpha():
                return re.sub(r"\[([^]]*)\]\([^)]*\)|[`*]", r"\1", " ".join(part.split()))[:200]
        return self.title

    @cached_property
    def _tokens(self) -> list[Token]:
        tokens = _markdown().parse(_COMMENT.sub("", self.text))
        self._name_headings(tokens)
        return tokens

    @property
    def headings(self) -> list[Heading]:
        """Its headings, from the second level on."""
        return [
            Heading(int(token.tag[1]), _plain(self._tokens[at + 1]), str(token.attrs["id"]))
            for at, token in enumerate(self._tokens)
            if token.type == "heading_open" and token.tag != "h1"
        ]

    def article(self, before: "Page | None" = None, after: "Page | None" = None) -> Html:
        """The page's content, with a list of its parts where it has several, and what to read next."""
        markdown = _markdown()
        written = Html(markdown.renderer.render(self._tokens, markdown.options, {"page": self}))
        group = element("p", "Guides" if self.path == INDEX_OF_ALL else GROUPS[self.group], class_="eyebrow")
        return element("article", group, written, _pager(before, after), self._contents(), class_="text prose")

    def _contents(self) -> Html:
        parts = [heading for heading in self.headings if heading.level == 2]
        if len(parts) < PARTS_LISTED_MIN:
            return Html()
        links = [element("li", element("a", heading.text, href=f"#{heading.anchor}")) for heading in parts]
        return element(
            "nav", element("h2", "On this page"), element("ul", *links), class_="contents", aria_label="On this page"
        )

    def target(self, link: str) -> str | None:
        """Where a link of the page leads on the site; None where it leads into the source."""
        if "://" in link or link.startswith("mailto:"):
            return link
        way, hash_mark, anchor = link.partition("#")
        if not way:
            return link
        path = _normal(PurePosixPath(self.path).parent / way)
        if path == "docs/reference/operations.md" and anchor:
            return self._known.get(anchor.lower(), f"{DOCS}#reference")
        found = self._known.get(path)
        return None if found is None else found if "#" in found else f"{found}{hash_mark}{anchor}"

    def in_source(self, link: str) -> str:
        """Where a link leads in the source."""
        return _normal(PurePosixPath(self.path).parent / link.partition("#")[0])

    def _name_headings(self, tokens: Sequence[Token]) -> None:
        taken: dict[str, int] = {}
        for at, token in enumerate(tokens):
            if token.type == "heading_open":
                name = anchor_of(_plain(tokens[at + 1]))
                times = taken[name] = taken.get(name, 0) + 1
                token.attrSet("id", name if times == 1 else f"{name}-{times - 1}")


class Library:
    """All pages of a folder that holds `docs` and what lies beside it."""

    def __init__(self, folder: Path, operations: Iterable[str]) -> None:
        found = [*files(folder)]
        known = {path: page_address(path) for path, _ in found} | MADE_ELSEWHERE
        known |= {_folder(path): page_address(path) for path, _ in found if path.endswith(INDEX)}
        known |= {name.lower(): f"{DOCS}/{name}" for name in operations}
        known |= {f"docs/{group}": PAGES for group in GROUPS if group and f"docs/{group}" not in known}
        self.pages = [Page(path, file, known) for path, file in found]

    def page(self, path: str) -> Page:
        """The page of a file."""
        return next(page for page in self.pages if page.path == path)

    def find(self, path: str) -> str | None:
        """Where the page of a file is; None where there is no such file."""
        return next((page.address for page in self.pages if page.path == path), None)

    def groups(self) -> dict[str, list[Page]]:
        """The pages under the titles of their groups, in the order in which the index of all names them."""
        index = next((page.text for page in self.pages if page.path == INDEX_OF_ALL), "")

        def place(page: Page) -> int:
            at = index.find(f"({page.path.removeprefix('docs/')})")
            return at if at >= 0 else len(index)

        listed = sorted((page for page in self.pages if page.path != INDEX_OF_ALL), key=place)
        return {
            title: pages
            for group, title in GROUPS.items()
            if (pages := [page for page in listed if page.group == group])
        }

    def beside(self, page: Page) -> tuple[Page | None, Page | None]:
        """What stands before and after a page, in the order of all."""
        order = [one for pages in self.groups().values() for one in pages]
        if page not in order:
            return None, None
        at = order.index(page)
        return order[at - 1] if at else None, order[at + 1] if at + 1 < len(order) else None

    def guides(self) -> dict[str, list[Guide]]:
        """The same, as the side list names them."""
        return {title: [Guide(page.title, page.address) for page in pages] for title, pages in self.groups().items()}


def _pager(before: Page | None, after: Page | None) -> Html:
    if before is None and after is None:
        return Html()
    links = [
        element("a", element("small", said), page.title, href=page.address, rel=rel, class_=rel)
        for said, rel, page in (("Before", "prev", before), ("Next", "next", after))
        if page is not None
    ]
    return element("nav", *links, class_="pager", aria_label="Before and next")


def anchor_of(heading: str) -> str:
    """The anchor of a heading, as readers of the source know it: lower case, `-` for blanks, without other signs."""
    return "".join(
        letter if letter.isalnum() or letter in "-_" else "-" if letter == " " else "" for letter in heading.lower()
    )


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _normal(path: PurePosixPath) -> str:
    """The path without `..`."""
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            del parts[-1:]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _plain(inline: Token) -> str:
    """The words of a heading."""
    return "".join(child.content for child in inline.children or ())


# Markdown to HTML. Markup in a text is shown, never taken.


class _Renderer(RendererHTML):
    """Links that lead to pages of the site, code in colours, tables and code that the keyboard can move."""

    def fence(self, tokens: Sequence[Token], at: int, options: Any, environment: Any) -> str:
        language, *_ = tokens[at].info.split() or [""]
        return programs.shown(tokens[at].content, language, label=f"Code: {language}" if language else "Code")

    def code_block(self, tokens: Sequence[Token], at: int, options: Any, environment: Any) -> str:
        return programs.shown(tokens[at].content, "", label="Code")

    def table_open(self, tokens: Sequence[Token], at: int, options: Any, environment: Any) -> str:
        return '<div class="wide" tabindex="0" role="group" aria-label="Table"><table>'

    def table_close(self, tokens: Sequence[Token], at: int, options: Any, environment: Any) -> str:
        return "</table></div>"

    def th_open(self, tokens: Sequence[Token], at: int, options: Any, environment: Any) -> str:
        return '<th scope="col">' if tokens[at + 1].content else "<td>"  # a head without words is none

    def th_close(self, tokens: Sequence[Token], at: int, options: Any, environment: Any) -> str:
        return "</th>" if tokens[at - 1].content else "</td>"

    def heading_close(self, tokens: Sequence[Token], at: int, options: Any, environment: Any) -> str:
        opened = next(token for token in reversed(tokens[:at]) if token.type == "heading_open")
        if opened.tag == "h1":
            return "</h1>\n"
        words = _plain(tokens[at - 1])
        mark = element("a", "#", class_="anchor", href=f"#{opened.attrs['id']}", aria_label=f"Link to {words}")
        return f" {mark}</{opened.tag}>\n"

    def link_open(self, tokens: Sequence[Token], at: int, options: Any, environment: Any) -> str:
        page: Page = environment["page"]
        link = str(tokens[at].attrs["href"])
        target = page.target(link)
        tokens[at].meta["source"] = page.in_source(link) if target is None else ""
        if target is None:
            return '<span class="in-source">'
        return str(element("a", href=target)).removesuffix("</a>")

    def link_close(self, tokens: Sequence[Token], at: int, options: Any, environment: Any) -> str:
        depth = 0
        for token in reversed(tokens[:at]):
            depth += {"link_open": 1, "link_close": -1}.get(token.type, 0)
            if depth == 1:
                source = str(token.meta["source"])
                words = "".join(inner.content for inner in tokens[tokens.index(token) + 1 : at])
                where = "" if words == source else element("small", f" ({source} in the source)")
                return f"</span>{where}" if source else "</a>"
        return "</a>"


def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table")
