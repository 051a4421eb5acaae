"""What a scale has weighed and nobody has acknowledged, in one file that survives a kill."""

import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hydrobit.errors import SettingError

_TABLES = """
create table if not exists box (
  number integer primary key autoincrement,
  event blob not null,
  refusal text
);
create table if not exists scale (mark text not null, acknowledged integer not null);
"""


class Kept(NamedTuple):
    """One event, by the number of its box."""

    number: int
    event: bytes


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
    """The file, held by one scale at a time. What a method wrote is on the disk when it returns.

    Raises SettingError where the file cannot be used.
    """

    def __init__(self, file: Path) -> None:
        refused = f"the buffer {file} cannot be used (perhaps another scale runs on it)"
        try:
            self._database = sqlite3.connect(file, timeout=0)
        except sqlite3.Error as e:
            raise SettingError(f"{refused}: {e}") from e
        try:
            self._database.executescript(
                "pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full;" + _TABLES
            )
            self._mark = self._settle_mark()
        except sqlite3.Error as e:
            self._database.close()
            raise SettingError(f"{refused}: {e}") from e

    def _settle_mark(self) -> str:
        """What tells the events of this file from those of every other."""
        with self._database as database:
            row = database.execute("select mark from scale").fetchone()
            if row is None:
                row = (secrets.token_hex(4),)
                database.execute("insert into scale (mark, acknowledged) values (?, 0)", row)
        return str(row[0])

    def close(self) -> None:
        self._database.close()

    def weigh(self, make: Callable[[int, str], bytes]) -> None:
        """Keeps one more box; `make` is told its number and the id of its event."""
        with self._database as database:
            number = database.execute("insert into box (event) values (x'')").lastrowid
            assert number is not None, "an insertion has a number"
            event = make(number, f"box-{self._mark}-{number}")
            database.execute("update box set event = ? where number = ?", (event, number))

    def waiting(self, after: int, most: int) -> list[Kept]:
        """The first events behind a number that are to be sent, in the order in which they were weighed."""
        rows = self._database.execute(
            "select number, event from box where refusal is null and number > ? order by number limit ?", (after, most)
        )
        return [Kept(*row) for row in rows]

    def acknowledged(self, number: int) -> None:
        """Lets go of an event that is in the ledger."""
        with self._database as database:
            database.execute("delete from box where number = ?", (number,))
            database.execute("update scale set acknowledged = acknowledged + 1")

    def refused(self, number: int, why: str) -> None:
        """Puts an event aside: the same would be refused again."""
        with self._database as database:
            database.execute("update box set refusal = ? where number = ?", (why, number))

    @property
    def tally(self) -> Tally:
        (acknowledged,) = self._database.execute("select acknowledged from scale").fetchone()
        kept, refused = self._database.execute("select count(*), count(refusal) from box").fetchone()
        return Tally(acknowledged + kept, acknowledged, refused)
