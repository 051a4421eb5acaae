"""Whoever follows a page word for word, and holds what is printed against what the page shows."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.docs.pages import Block, blocks
from tests.docs.shell import Shell

FILE = " file="
"""Stands behind the fence of a block that is a file beside the reader: ```yaml file=form.yaml."""
OUTPUTS = ("text", "json")
"""Kinds of blocks that show what the block before them printed."""
STORY = "2025-10-19"
"""The day that pages tell of. Times of other days are the server's own."""

_OWN = re.compile(
    r"(?P<id>\b(?:[a-z]+_)*[0-9a-f]{16}(?:[0-9a-f]{8})?\b)"
    r"|(?P<hash>\b[0-9a-f]{64}\b)"
    r"|(?P<token>eyJ[\w.-]+)"
    rf"|(?P<time>\b(?!{STORY})\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.]\d+Z)?)"
    r"|(?P<request>\b[0-9a-f]{8}-[0-9a-f]+\b)"
)
"""What every installation has of its own: ids, hashes, tokens, times, numbers of requests."""

_BLANKS_AND_FRAMES = re.compile(r"[\s\u2500-\u257f]+")


class Reader:
    """One reader at one terminal. What the page calls an id is, from then on, the id that was really given."""

    def __init__(self, folder: Path, shell: Shell, places: Mapping[str, str]) -> None:
        self._folder, self._shell = folder, shell
        self._places = dict(places)
        self._given: dict[str, str] = {}
        self._done: list[Block] = []

    def give(self, said: str, here: str) -> None:
        """What the page calls so is this here."""
        self._given[said] = here

    def follow(self, page: Path, *headings: str) -> str:
        """Does what a page says, or some sections of it, block by block; returns all that was printed."""
        printed = [""]
        for block in blocks(page):
            if headings and block.heading not in headings:
                continue
            self._done.append(block)
            if block.kind == "sh":
                printed.append(self.type(block.text))
            elif FILE in block.kind:
                (self._folder / block.kind.partition(FILE)[2]).write_text(self._here(block.text))
            else:
                assert block.kind in OUTPUTS, f"{page.name}: a reader types no {block.kind}"
                self.compare(block, printed[-1])
        return "".join(printed)

    def left(self, page: Path) -> list[Block]:
        """What there is to be done on the page, and was not yet."""
        return [block for block in blocks(page) if block not in self._done]

    def type(self, text: str) -> str:
        """What some commands of the page print."""
        return self._shell.run(self._here(text))

    def _here(self, text: str) -> str:
        for said, here in (self._places | self._given).items():
            text = text.replace(said, here)
        return text

    def compare(self, shown: Block, printed: str) -> None:
        """Raises AssertionError unless the page shows a stretch of what was printed; blanks and lines are free."""
        said, was = _parts(shown.text), _parts(printed)
        stretches = (was[at : at + len(said)] for at in range(len(was) - len(said) + 1))
        found = next((stretch for stretch in stretches if _same(said, stretch)), None)
        assert found, f"the page shows\n{shown.text}\nprinted was\n{printed}"
        for page, here in zip(said, found, strict=True):
            if page.kind == "id":
                given = self._given.setdefault(page.value, here.value)
                assert given == here.value, f"{page.value} of the page is {given} and {here.value}"


class _Part(NamedTuple):
    """A thing that each installation has of its own, and what stands before it. The last part has no such thing."""

    before: str
    kind: str | None
    value: str


def _parts(text: str) -> list[_Part]:
    found, at = [], 0
    for own in _OWN.finditer(text):
        found.append(_Part(_bare(text[at : own.start()]), own.lastgroup, own.group()))
        at = own.end()
    return [*found, _Part(_bare(text[at:]), None, "")]


def _same(said: list[_Part], was: list[_Part]) -> bool:
    """Whether they differ in nothing but an installation's own; what was printed may begin earlier and end later."""
    if len(said) == 1:
        return said[0].before in was[0].before
    return (
        [part.kind for part in said[:-1]] == [part.kind for part in was[:-1]]
        and was[0].before.endswith(said[0].before)
        and [part.before for part in said[1:-1]] == [part.before for part in was[1:-1]]
        and was[-1].before.startswith(said[-1].before)
    )


def _bare(text: str) -> str:
    return _BLANKS_AND_FRAMES.sub("", text)
