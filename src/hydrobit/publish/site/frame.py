"""The frame that every page stands in: head, search, the list of all pages at the side, and what one may download."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from hydrobit.operation import Operation
from hydrobit.publish.site.addresses import ASSETS, DOCS, PAGES, address
from hydrobit.publish.site.markup import Html, element, joined

__all__ = ["DOWNLOADS", "Frame", "Guide", "digest", "method_mark"]

DOWNLOADS = (
    ("/openapi.json", "OpenAPI 3.1"),
    ("/openapi.yaml", "OpenAPI as YAML"),
    ("/asyncapi.json", "AsyncAPI 3"),
    (f"{DOCS}/postman.json", "Postman collection"),
    (f"{DOCS}/index.md", "Everything as Markdown"),
    ("/llms.txt", "llms.txt"),
)


@dataclass(frozen=True, slots=True)
class Guide:
    """A page of docs/ as the side list names it."""

    title: str
    address: str


class Frame:
    """Makes whole pages. `guides` are the pages of docs/ under the titles of their groups."""

    def __init__(
        self,
        tags: Mapping[str, Sequence[Operation]],
        guides: Mapping[str, Sequence[Guide]],
        assets: Mapping[str, str],
    ) -> None:
        self._tags, self._guides, self._assets = tags, guides, assets

    def page(self, title: str, about: str, main: Html, *, at: str, kind: str, plain: str | None = None) -> bytes:
        """A page. `at` is its address, `kind` a word for its layout, `plain` the address of its Markdown."""
        head = element(
            "head",
            element("meta", charset="utf-8"),
            element("title", title),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="description", content=about),
            element("meta", name="color-scheme", content="light dark"),
            element("link", rel="canonical", href=at),
            element("link", rel="icon", href=self._asset("icon.svg"), type="image/svg+xml"),
            element("link", rel="stylesheet", href=self._asset("site.css")),
            element("link", rel="alternate", type="text/markdown", href=plain) if plain else Html(),
            element("script", src=self._asset("start.js")),
            element("script", src=self._asset("site.js"), type="module"),
        )
        body = element(
            "body",
            element("a", "Skip to the content", class_="skip", href="#main"),
            self._header(at),
            element(
                "div",
                self._side(at),
                element("main", main, id="main", tabindex="-1"),
                class_="house",
            ),
            _footer(plain),
            class_=f"on-{kind}",
        )
        return f"<!doctype html>\n{element('html', head, body, lang='en')}\n".encode()

    def _asset(self, name: str) -> str:
        return f"{ASSETS}/{name}?v={self._assets[name]}"

    def _header(self, at: str) -> Html:
        menu = element("a", "Menu", class_="menu", href="#pages")
        home = element(
            "a", _MARK, element("span", "Hydrobit"), element("small", "open server"), class_="home", href=DOCS
        )
        links = (
            (f"{DOCS}#first-call", "Start"),
            (f"{DOCS}#reference", "Reference"),
            (f"{DOCS}/errors", "Errors"),
            (PAGES, "Guides"),
        )
        ways = element("nav", *(_link(href, name, at) for href, name in links), class_="ways", aria_label="Main")
        return element(
            "header",
            element("div", menu, home, _SEARCH, ways, _YOU, _THEME, class_="bar"),
            class_="top",
        )

    def _side(self, at: str) -> Html:
        """The pages beside this one: on a page of docs/ the others of docs/, elsewhere the operations."""
        beside: dict[str, list[tuple[str, Html]]]
        if at.startswith(PAGES):
            beside = {
                title: [(guide.address, element("span", guide.title)) for guide in found]
                for title, found in self._guides.items()
            }
        else:
            beside = {tag: [(address(row), _of_row(row)) for row in rows] for tag, rows in self._tags.items()}
        first = [(DOCS, "Overview"), (f"{DOCS}/errors", "Errors by code"), (PAGES, "Guides")]
        groups = {"Hydrobit API": [(href, element("span", name)) for href, name in first]} | beside
        return element(
            "nav",
            element("a", "Close", class_="close", href="#main"),
            *(_group(title, links, at) for title, links in groups.items()),
            id="pages",
            class_="side",
            aria_label="Pages",
            tabindex="-1",
        )


def method_mark(method: str) -> Html:
    """The method as a small mark."""
    return element("span", method, class_=f"method {method.lower()}")


def digest(content: bytes) -> str:
    """A short word that changes with the content."""
    return sha256(content).hexdigest()[:12]


def _group(title: str, links: Sequence[tuple[str, Html]], at: str) -> Html:
    lines = [element("li", _link(href, inside, at)) for href, inside in links]
    return joined([element("h2", title), element("ul", *lines)])


def _of_row(row: Operation) -> Html:
    return joined([element("span", row.summary), method_mark(row.http.method)])


def _link(href: str, inside: str, at: str) -> Html:
    return element("a", inside, href=href, aria_current="page" if href == at else None)


def _footer(plain: str | None) -> Html:
    this = element("p", element("a", "This page as Markdown", href=plain)) if plain else Html()
    downloads = element("ul", *(element("li", element("a", name, href=href)) for href, name in DOWNLOADS))
    said = element(
        "p",
        "An independent implementation of the documented Hydrobit API 2.0.0. It is not the vendor's software and not "
        "affiliated with it. These pages come from this server and ask nobody else.",
    )
    return element("footer", element("div", this, downloads, said))


_MARK = Html(
    '<svg viewBox="0 0 24 24" width="26" height="26" aria-hidden="true" focusable="false">'
    '<path class="leaf" d="M12 2.2c4.2 4.3 6.6 7.7 6.6 11.3a6.6 6.6 0 0 1-13.2 0C5.4 9.900 7.800 6.500 12 2.200z"/>'
    '<path class="vein" d="M8.600 12.300h6.800M8.600 15.200h6.800M12 9.400v8.700"/></svg>'
)

_SEARCH = element(
    "div",
    element("label", "Search", for_="search", class_="hidden"),
    element(
        "input",
        id="search",
        type="search",
        role="combobox",
        placeholder="Search operations, fields, codes",
        autocomplete="off",
        spellcheck="false",
        aria_expanded="false",
        aria_controls="found",
        aria_autocomplete="list",
        data_index=f"{DOCS}/search.json",
    ),
    element("kbd", "/", aria_hidden="true"),
    element("ul", id="found", role="listbox", aria_label="Found", hidden=True),
    element("p", id="found-count", class_="hidden", role="status"),
    class_="search",
    role="search",
)

_YOU = element(
    "details",
    element("summary", "Your token"),
    element(
        "div",
        element("label", "A token for the samples and for calls to this server", for_="token"),
        element("input", id="token", type="text", autocomplete="off", spellcheck="false", placeholder="eyJhbGciOi…"),
        element(
            "p",
            "It stays in this tab, is put into the samples, and is sent with your calls to this server alone. "
            "The operator makes one by ",
            element("code", "hydrobit token USER"),
            ".",
        ),
    ),
    class_="you",
)

_THEME = element(
    "button",
    Html(
        '<svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true" focusable="false">'
        '<circle class="ring" cx="12" cy="12" r="8"/><path class="half" d="M12 4a8 8 0 0 1 0 16z"/></svg>'
    ),
    element("span", "Light or dark", class_="hidden"),
    id="theme",
    type="button",
)
