"""Where everything of the site is; light, since the server knows all paths when it starts."""

from collections.abc import Iterable
from pathlib import Path

from hydrobit.operation import Operation

__all__ = [
    "ASSETS",
    "CARRIED",
    "DOCS",
    "GROUPS",
    "INDEX",
    "INDEX_OF_ALL",
    "MADE_ELSEWHERE",
    "PAGES",
    "address",
    "files",
    "page_address",
]

DOCS = "/docs"
ASSETS = f"{DOCS}/assets"
PAGES = f"{DOCS}/pages"
CARRIED = Path(__file__).with_name("pages")
"""Where the package has the pages that people write: `docs` and the changelog."""
INDEX = "README.md"
INDEX_OF_ALL = f"docs/{INDEX}"
GROUPS = {
    "tutorial": "Tutorial",
    "how-to": "How to",
    "explanation": "Explanation",
    "reference": "Formats and settings",
    "decisions": "Decisions",
    "": "Changes",
}
"""The folders of docs/ in the order of the site, and their titles; the last is what lies beside docs/."""
MADE_ELSEWHERE = {
    "docs/reference/operations.md": f"{DOCS}#reference",
    "docs/reference/errors.md": f"{DOCS}/errors",
    "docs/reference/openapi.json": "/openapi.json",
    "docs/reference/asyncapi.json": "/asyncapi.json",
    "README.md": DOCS,
}
"""What the site has in another form."""


def address(row: Operation) -> str:
    """Where the row's page is."""
    return f"{DOCS}/{row.name}"


def files(folder: Path) -> Iterable[tuple[str, Path]]:
    """The pages in a folder that holds `docs`, by their paths from there; an index stands before the others."""
    if (folder / INDEX_OF_ALL).exists():
        yield INDEX_OF_ALL, folder / INDEX_OF_ALL
    for group in filter(None, GROUPS):
        for file in sorted((folder / "docs" / group).glob("*.md"), key=lambda file: (file.name != INDEX, file.name)):
            path = f"docs/{group}/{file.name}"
            if path not in MADE_ELSEWHERE:
                yield path, file
    if (folder / "CHANGELOG.md").exists():
        yield "CHANGELOG.md", folder / "CHANGELOG.md"


def page_address(path: str) -> str:
    """Where a page is on the site."""
    if path == INDEX_OF_ALL:
        return PAGES
    name = path.removeprefix("docs/").removesuffix(".md")
    return f"{PAGES}/{name.removesuffix('/README').lower()}"
