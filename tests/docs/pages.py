"""The commands of a page, by the headings they stand under."""

import re
from dataclasses import dataclass
from pathlib import Path

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"

_PART = re.compile(r"^## (?P<heading>.+)$|^```(?P<kind>.+)\n(?P<text>(?:.*\n)*?)```$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. `kind` is what stands behind the fence: `sh`, or `sh user=postgres` for its shell."""

    heading: str
    kind: str
    text: str


def blocks(name: str) -> list[Block]:
    """The blocks of a how-to page, in order."""
    found, heading = [], ""
    for part in _PART.finditer((HOW_TO / name).read_text()):
        if part["heading"]:
            heading = part["heading"]
        else:
            found.append(Block(heading, part["kind"], part["text"]))
    return found
