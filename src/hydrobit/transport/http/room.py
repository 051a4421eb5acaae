"""The room for bodies: the one account of what they hold together while they are under way."""

from typing import Self

from hydrobit.errors import Code, Refused

BODIES_BYTES_MAX = 256 * 1024 * 1024
"""What all bodies that are under way may hold together, whoever sends them."""


class Room:
    """How much is left for bodies."""

    def __init__(self, bytes_max: int) -> None:
        self.left = bytes_max

    def share(self) -> "Share":
        """What one request holds, in a block at whose end it is given back."""
        return Share(self)


class Share:
    """What one request holds of the room until it is answered."""

    __slots__ = ("_room", "length")

    def __init__(self, room: Room) -> None:
        self._room, self.length = room, 0

    def take(self, length: int) -> None:
        """Takes so many bytes, before they are there. Raises Refused, busy, when they are not left; takes none then."""
        if length > self._room.left:
            raise Refused(Code.busy, "Too many large bodies are under way; send the same call again.")
        self._room.left -= length
        self.length += length

    def give_back(self, length: int) -> None:
        self._room.left += length
        self.length -= length

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back(self.length)
