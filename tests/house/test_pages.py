"""What holds of every page: a test runs each block or it says why not, links lead somewhere, the index names all."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import DOCS, LEFT_OUT, ROOT, Block, all_blocks

PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
INDEX = DOCS / "README.md"
DAY = "tests/docs/test_pages.py"
RUN = {
    "README.md": {"sh": DAY},
    "docs/tutorial/first-harvest.md": {"sh": DAY, "json": DAY, "text": DAY},
    "docs/how-to/backup-and-restore.md": dict.fromkeys(
        ("sh", "sh user=postgres", "conf"), "tests/docs/test_backup_and_restore.py"
    ),
    "docs/how-to/boundaries.md": {"sh": DAY, "json file=lots.geojson": DAY},
    "docs/how-to/brokers.md": dict.fromkeys(("sh", "conf", "rights"), "tests/docs/test_brokers.py"),
    "docs/how-to/certify-a-client.md": dict.fromkeys(("sh", "json", "text"), "tests/docs/test_certify.py"),
    "docs/how-to/crew.md": {"sh": DAY},
    "docs/how-to/deploy.md": {"sh": "tests/deploy/test_kubernetes.py"},
    "docs/how-to/devices.md": dict.fromkeys(("sh", "python", "js"), "tests/docs/test_devices.py"),
    "docs/how-to/erase-a-person.md": {"sh": DAY},
    "docs/how-to/example-ranch.md": {"sh": "tests/docs/test_how_to.py"},
    "docs/how-to/explain-a-total.md": {"sh": DAY, "text": DAY},
    "docs/how-to/forms.md": {"sh": DAY, "text": DAY, "yaml file=scouting.yaml": DAY},
    "docs/how-to/keys.md": {"sh": DAY, "text": DAY},
    "docs/how-to/mock-server.md": dict.fromkeys(("sh", "json", "text"), "tests/docs/test_mock_server.py"),
    "docs/how-to/move-to-postgresql.md": {"sh": "tests/docs/test_moving.py"},
    "docs/how-to/own-server.md": {"sh": DAY},
    "docs/how-to/python-client.md": dict.fromkeys(("python", "sh"), "tests/docs/test_python_client.py"),
    "docs/how-to/samples.md": {"sh": DAY},
    "docs/how-to/write-a-client.md": dict.fromkeys(
        ("sh", "json", "text", "python file=deliver.py", "python file=graded.py", "json file=bulk.json"), DAY
    ),
    "docs/reference/ledger-format.md": dict.fromkeys(("json", "text"), "tests/unit/ledger/test_format.py"),
}
"""The test that runs all blocks of a kind on a page, and holds what the page shows against what was printed."""

_FENCED = re.compile(r"^```.*\n(?:.*\n)*?```$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\[[^\]]*\]\((?P<to>[^)\s]+)\)")


def said(page: Path) -> str:
    return str(page.relative_to(ROOT))


def each_block() -> Iterator[tuple[Path, Block]]:
    for page in PAGES:
        for block in all_blocks(page):
            yield page, block


def prose(page: Path) -> str:
    """A page without its blocks and its code."""
    return _CODE.sub("", _FENCED.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """The headings as links name them."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_block_is_run_by_a_test_or_says_why_not() -> None:
    lost = [
        f"{said(page)}, {block.heading!r}: ```{block.kind}"
        for page, block in each_block()
        if not block.left_out and block.kind not in RUN.get(said(page), {})
    ]
    assert not lost, f"name the test in RUN, or write ```sh {LEFT_OUT}and why"


def test_no_test_is_named_for_blocks_that_are_not_there() -> None:
    there = {(said(page), block.kind) for page, block in each_block() if not block.left_out}
    assert {(page, kind) for page, kinds in RUN.items() for kind in kinds} == there


@pytest.mark.parametrize("page", RUN)
def test_the_test_of_a_page_names_it(page: str) -> None:
    for test in set(RUN[page].values()):
        assert Path(page).name in (ROOT / test).read_text() or page == "docs/reference/ledger-format.md"


def test_no_code_hides_in_an_indentation() -> None:
    for page in PAGES:
        assert not re.search(r"^(?:\n|#.*\n) {4,}\S", _FENCED.sub("", page.read_text()), re.MULTILINE), said(page)


def test_every_target_of_make_that_a_page_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        typed = "".join(block.text for block in all_blocks(page) if block.kind == "sh")
        named = re.findall(r"^make ([a-z-]+)", typed, re.MULTILINE)
        named += re.findall(r"`make ([a-z-]+)", page.read_text())
        assert set(named) <= targets, said(page)


def test_json_and_yaml_that_a_page_shows_can_be_read() -> None:
    for page, block in each_block():
        if block.kind.startswith("yaml"):
            assert yaml.safe_load(block.text), said(page)
        elif block.kind.startswith("json"):
            assert json.JSONDecoder().raw_decode(block.text), said(page)


def test_every_link_of_a_page_leads_somewhere() -> None:
    for page in PAGES:
        for to in _LINK.findall(prose(page)):
            path, _, anchor = to.partition("#")
            if path.startswith(("http://", "https://")):
                continue
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), f"{said(page)} links to {to}"
            assert not anchor or anchor in anchors(target), f"{said(page)} links to {to}"


def test_every_page_has_one_title_and_stands_in_the_index() -> None:
    index = {(INDEX.parent / to).resolve() for to in _LINK.findall(INDEX.read_text())}
    decisions = DOCS / "decisions"
    index |= {(decisions / to).resolve() for to in _LINK.findall((decisions / "README.md").read_text())}
    for page in DOCS.rglob("*.md"):
        titles = re.findall(r"^# .+$", _FENCED.sub("", page.read_text()), re.MULTILINE)
        assert len(titles) == 1, said(page)
        assert page.read_text().startswith(titles[0]), said(page)
        assert page == INDEX or page in index, f"{said(page)} is not in {said(INDEX)}"
