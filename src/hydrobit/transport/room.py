"""The room for large bodies: one account for each road of what they hold together while they are under way."""

from collections import Counter
from typing import Self

from hydrobit.errors import Code, Refused

BODIES_BYTES_MAX = 256 * 1024 * 1024
"""What all bodies that are under way by one road may hold together, whoever sends them."""

COMPANY_PART = 4
"""No company holds more than this part of the room, a quarter, unless by a single body."""


class Room:
    """How much is left for bodies, and what each company holds of it."""

    def __init__(self, bytes_max: int) -> None:
        self.left = bytes_max
        self.company_bytes_max = bytes_max // COMPANY_PART
        self.held: Counter[int] = Counter()

    def share(self) -> "Share":
        """What one request or connection holds; in a block it is given back at the end."""
        return Share(self)


class Share:
    """What one request or connection holds of the room until it is answered."""

    __slots__ = ("_company", "_room", "length")

    def __init__(self, room: Room) -> None:
        self._room, self.length = room, 0
        self._company: int | None = None

    def belong_to(self, company: int | None) -> None:
        """Says whose share it is, before anything is taken."""
        self._company = company

    def take(self, length: int) -> None:
        """Takes so many bytes, before they are there. Raises Refused, busy, when they are not left; takes none then."""
        if length > self._room.left:
            raise Refused(Code.busy, "Too many large bodies are under way; send the same call again.")
        if self._company is not None:
            held = self._room.held[self._company]
            if held > self.length and held + length > self._room.company_bytes_max:
                raise Refused(Code.busy, "The company has too many large bodies under way; send the same call again.")
        self._add(length)

    def give_back(self, length: int) -> None:
        self._add(-length)

    def _add(self, length: int) -> None:
        self._room.left -= length
        self.length += length
        if self._company is not None:
            self._room.held[self._company] += length
            if not self._room.held[self._company]:
                del self._room.held[self._company]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.length:
            self._add(-self.length)
