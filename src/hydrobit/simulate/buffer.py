"""What a scale has weighed and nobody has acknowledged: the client's outbox, held by one scale at a time."""

import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from hydrobit.client.counts import Count
from hydrobit.client.failures import OutboxError
from hydrobit.client.outbox import Item, Outbox, Outcome, State
from hydrobit.errors import SettingError


class Tally(NamedTuple):
    """What became of the boxes, over all starts."""

    weighed: int
    acknowledged: int
    refused: int

    @property
    def waiting(self) -> int:
        return self.weighed - self.acknowledged - self.refused

    def __str__(self) -> str:
        return (
            f"weighed {self.weighed}, acknowledged {self.acknowledged}, refused {self.refused}, waiting {self.waiting}"
        )


class Buffer:
    """The file. What a method wrote is on the disk when it returns.

    Raises SettingError where the file cannot be used.
    """

    def __init__(self, file: Path) -> None:
        with ExitStack() as stack:
            try:
                self._outbox = stack.enter_context(Outbox(file))
                stack.enter_context(self._outbox.sending())
            except OutboxError as e:
                raise SettingError(f"the buffer cannot be used: {e}") from e
            self._close = stack.pop_all().close
        self._mark = secrets.token_hex(4)  # tells the events of this start from those of every other

    def close(self) -> None:
        self._close()

    def weigh(self, make: Callable[[int, str], Count]) -> None:
        """Keeps one more box; `make` is told its number and the id of its event."""
        number = self._outbox.last_number + 1
        self._outbox.keep([make(number, f"box-{self._mark}-{number}")])

    def waiting(self, after: int, most: int) -> Sequence[Item]:
        """The first boxes behind a number that are to be sent, in the order in which they were weighed."""
        return self._outbox.items(State.waiting, after=after, limit=most)

    def acknowledged(self, number: int) -> None:
        """A box is in the ledger."""
        self._outbox.settle([Outcome(number, State.delivered)])

    def refused(self, number: int, why: str) -> None:
        """Puts a box aside: the same would be refused again."""
        self._outbox.settle([Outcome(number, State.refused, sentence=why)])

    @property
    def tally(self) -> Tally:
        weighed, counts = self._outbox.last_number, self._outbox.counts()
        refused = counts[State.refused]
        return Tally(weighed, weighed - refused - counts[State.waiting], refused)
