"""The blocks of a page, by the headings they stand under."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HOW_TO = DOCS / "how-to"
LEFT_OUT = "not run: "
"""What stands behind a fence where no test runs the block, and why: ```sh not run: it needs root."""

_PART = re.compile(r"^## (?P<heading>.+)$|^(?P<fence>```+)(?P<kind>.*)\n(?P<text>(?:.*\n)*?)(?P=fence)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. `kind` is what stands behind the fence: `sh`, or `sh user=postgres` for its shell."""

    heading: str
    kind: str
    text: str
    left_out: str = ""
    """Why no test runs it; empty for one that a test runs."""


def all_blocks(page: Path) -> list[Block]:
    """Every block of a page, in order."""
    found, heading = [], ""
    for part in _PART.finditer(page.read_text()):
        if part["heading"]:
            heading = part["heading"]
        else:
            kind, _, why = part["kind"].partition(LEFT_OUT)
            found.append(Block(heading, kind.strip(), part["text"], why))
    return found


def blocks(page: Path | str) -> list[Block]:
    """The blocks of a page that are to be run, in order; a how-to page by its name alone."""
    return [block for block in all_blocks(HOW_TO / page) if not block.left_out]
