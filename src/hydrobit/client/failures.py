"""What a caller of the client can meet."""

from hydrobit.errors import HydrobitError


class Declined(HydrobitError):
    """The server refused a call for good: the same call would be refused again."""

    def __init__(self, status: int, code: str, sentence: str, body: bytes = b"") -> None:
        super().__init__(f"{status} {code}: {sentence}" if code else f"{status}: {sentence}")
        self.status, self.code, self.sentence, self.body = status, code, sentence, body


class Unanswered(HydrobitError):
    """Nobody answered, however often it was tried. What was asked for may have been done; ask the same again."""


class OutboxError(HydrobitError):
    """The outbox cannot be used; the text says why."""


class NotKept(OutboxError):
    """Nothing of what was handed in is on the disk, for instance because it is full."""


class OutboxInUse(OutboxError):
    """Another process, or another call of this one, sends what is in the outbox."""


class TransportMissing(HydrobitError):
    """A package that only this way to the server needs is not installed."""
