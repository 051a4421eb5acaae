"""The documentation site as it is made, without a server: nothing is dead, nothing is taken for markup, all is told."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag

import pytest

from hydrobit.catalog import OPERATIONS
from hydrobit.errors import CATALOGUE
from hydrobit.mock.faults import FaultKind
from hydrobit.operation import Operation, Parameter
from hydrobit.publish.refusals import codes
from hydrobit.publish.samples import LANGUAGES, payload
from hydrobit.publish.site.addresses import CARRIED, DOCS, PAGES, address, files
from hydrobit.publish.site.site import HTML, made
from hydrobit.publish.site.trying import FAULTS

SITE_BYTES_MAX = 5_000_000
DERIVED = ("/openapi.json", "/openapi.yaml", "/asyncapi.json")
"""What the server has beside the site."""
EVIL = '<script>alert("1")</script><img src=x onerror=alert(1)> & `<b>`'


@dataclass
class Read(HTMLParser):
    """What a page names and leads to."""

    text: str
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.names.add(tag)
        self.attributes |= told.keys()
        if told.get("id"):
            self.ids.append(str(told["id"]))
        if tag == "a" and told.get("href"):
            self.links.append(str(told["href"]))
        elif (tag == "link" and told.get("href")) or told.get("src"):
            self.fetched.append(str(told.get("href") or told.get("src")))


@pytest.fixture(scope="module")
def contents() -> Mapping[str, bytes]:
    return {path: one.make() for path, one in made(OPERATIONS, CARRIED, has_mock=True).items()}


@pytest.fixture(scope="module")
def pages(contents: Mapping[str, bytes]) -> Mapping[str, Read]:
    kinds = made(OPERATIONS, CARRIED, has_mock=True)
    return {path: Read(text.decode()) for path, text in contents.items() if kinds[path].content_type == HTML}


def test_the_whole_site_is_small(contents: Mapping[str, bytes]) -> None:
    size = sum(map(len, contents.values()))
    print(f"the site has {len(contents)} pages and files, {size:,} bytes unpacked")
    assert size < SITE_BYTES_MAX


def test_no_link_is_dead(contents: Mapping[str, bytes], pages: Mapping[str, Read]) -> None:
    dead = []
    for path, page in pages.items():
        for link in page.links:
            where, anchor = urldefrag(link)
            if "://" not in link and where not in DERIVED:
                target = where or path
                there = target in contents and (not anchor or target not in pages or anchor in pages[target].ids)
                dead += [] if there else [f"{path}: {link}"]
        dead += [f"{path}: {link}" for link in page.fetched if link.partition("?")[0] not in contents]
    assert dead == []


def test_what_markdown_links_to_is_there(contents: Mapping[str, bytes]) -> None:
    dead = []
    for path, text in contents.items():
        if path.endswith((".md", ".txt")):
            for link in re.findall(r"\]\((/[^)#\s]*)", text.decode()):
                dead += [] if link in contents or link in DERIVED else [f"{path}: {link}"]
    assert dead == []


def test_nothing_is_fetched_from_elsewhere_and_nothing_stands_inline(pages: Mapping[str, Read]) -> None:
    for path, page in pages.items():
        assert all(link.startswith("/") for link in page.fetched), path
        assert "style" not in page.names | page.attributes, path
        assert not any(name.startswith("on") for name in page.attributes), path


def test_no_anchor_stands_twice_on_a_page(pages: Mapping[str, Read]) -> None:
    for path, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), path


def test_every_operation_has_a_page_with_all_its_facts(
    contents: Mapping[str, bytes], pages: Mapping[str, Read]
) -> None:
    for row in OPERATIONS:
        page, plain = pages[address(row)], contents[f"{address(row)}.md"].decode()
        for language in LANGUAGES:
            assert f"sample-{language.key}" in page.ids
        for parameter in row.parameters:
            assert f"parameter-{parameter.name}" in page.ids
            assert f"`{parameter.name}`" in plain
        for name in row.request.shape.__struct_fields__ if row.request is not None else ():
            assert f"body-{name}" in page.ids or f'"{name}"' not in (payload(row) or "")
        for code in codes(row):
            assert CATALOGUE[code].status in row.http.statuses or f"`{code}`" in plain
            assert CATALOGUE[code].status in row.http.statuses or f"{DOCS}/errors#{code}" in page.links
        assert row.topic is None or f"`{row.topic}`" in plain


def test_the_dial_has_every_fault_of_the_mock() -> None:
    assert {kind for kind in FAULTS if kind} == set(FaultKind)


def test_without_a_mock_nothing_is_sent_there() -> None:
    for path, one in made(OPERATIONS[:1], CARRIED, has_mock=False).items():
        if path == address(OPERATIONS[0]):
            assert b"x-mock" not in one.make()
            assert b"value=mock" not in one.make()


def test_every_code_has_its_place_in_the_catalogue(pages: Mapping[str, Read]) -> None:
    assert set(CATALOGUE) <= set(pages[f"{DOCS}/errors"].ids)


def test_every_page_of_docs_is_on_the_site(contents: Mapping[str, bytes]) -> None:
    written = {file.name for file in (Path(__file__).parents[3] / "docs" / "how-to").glob("*.md")}
    assert written
    assert {f"{PAGES}/how-to/{name.removesuffix('.md')}" for name in written} <= contents.keys()
    assert dict(files(CARRIED)).keys() >= {"CHANGELOG.md", "docs/decisions/README.md", "docs/reference/settings.md"}


def test_texts_are_never_taken_for_markup(tmp_path: Path) -> None:
    (tmp_path / "docs" / "how-to").mkdir(parents=True)
    (tmp_path / "docs" / "how-to" / "evil.md").write_text(
        f"# {EVIL}\n\n{EVIL}\n\n[away](javascript:alert(1))\n\n```sh\n{EVIL}\n```\n"
    )
    row = _evil(next(row for row in OPERATIONS if row.name == "createProductionRecord"))
    for path, one in made([row], tmp_path, has_mock=True).items():
        if one.content_type == HTML:
            page = Read(one.make().decode())
            assert "img" not in page.names, path
            assert page.text.count("<script") == 2, path
            assert not any("javascript:" in link for link in page.links), path


def _evil(row: Operation) -> Operation:
    return replace(
        row,
        tag=EVIL,
        summary=EVIL,
        description=EVIL,
        parameters=(Parameter("id", "query", True, EVIL, EVIL), *row.parameters),
        request_examples={EVIL: {EVIL: EVIL}, "second": {}},
        answer_examples={201: {EVIL: EVIL}},
        http=replace(row.http, statuses={201: EVIL}),
    )


def test_what_looks_like_markup_in_markdown_files_is_shown() -> None:
    odd = [path for path, file in files(CARRIED) if _tags(file.read_text())]
    assert odd == []


def test_each_fence_of_a_page_is_read_as_one(contents: Mapping[str, bytes]) -> None:
    odd = [path for path, text in contents.items() if path.startswith(PAGES) and b"<p>```" in text]
    assert odd == []


def _tags(text: str) -> Iterable[str]:
    """Tags outside of code, which the site would show as they are written."""
    plain = re.sub(r"```.*?```|`[^`]*`|<!--.*?-->", "", text, flags=re.DOTALL)
    return re.findall(r"</?(?:details|summary|br|img|a|div|table|p|b|i)\b[^>]*>", plain)
