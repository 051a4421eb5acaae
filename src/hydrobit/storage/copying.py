"""Moves all that one store holds into another, on whatever engine each of them is.

The tables are read off the schema itself, so that none is forgotten. Rows go in pages by key, each in one transaction
with the mark that says how far the target has come: whoever is interrupted goes on from there. From its first step the
source takes no more writes, so that every page is of the same state and nothing is written that stays behind.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hydrobit.errors import StoreError, StoreTooNew
from hydrobit.storage.engine import Row, Store, Transaction
from hydrobit.storage.migrate import migrations, version
from hydrobit.storage.queries import SQLITE, Query

PAGE_ROWS, PAGE_CHARACTERS = 5_000, 4_000_000
"""The most of one page; a single row that is longer is a page of its own."""
OTHERS_GONE_S_MAX = 3.0
"""The connection of a process that was killed is noticed by the database within this time."""
OTHERS_PAUSE_S = 0.1

STAY = ("compatibility", "migration", "store")
"""The tables that say something of a store itself."""
STAYING_COLUMNS = {"head": ("shut_at",)}
Key = tuple[Any, ...]
Tell = Callable[[int], None]
"""Told of so many more rows."""

_OTHERS = Query(
    "others",
    "select 0",
    (),
    postgres=Query(
        "others",
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and application_name = 'hydrobit' and pid <> pg_backend_pid()",
        (),
    ),
)
_MARK = Query(
    "mark", "select created_at, is_backup, moved_by, moved_at, copied_by, copied_until from store limit 1", ()
)
_SHUT_STORE = Query("shut_store", "update store set moved_by = ?, moved_at = null", ("copying",))
_SHUT_HEADS = Query("shut_heads", "update head set shut_at = ? where shut_at is null", ("now",))
_OPEN_STORE = Query("open_store", "update store set moved_by = null, moved_at = null", ())
_OPEN_HEADS = Query("open_heads", "update head set shut_at = null where shut_at is not null", ())
_DROP_STORE = Query("drop_store", "delete from store", ())
_BEGIN = Query(
    "begin_copy",
    "insert into store (one, created_at, is_backup, copied_by, copied_until) values (1, ?, ?, ?, ?)",
    ("created_at", "is_backup", "copying", "until"),
)
_UNTIL = Query(
    "copied_until",
    "select copied_until from store where copied_by = ?",
    ("copying",),
    postgres=Query("copied_until", "select copied_until from store where copied_by = ? for update", ("copying",)),
)
_MOVE_UNTIL = Query("move_until", "update store set copied_until = ? where copied_by = ?", ("until", "copying"))
_TOLD_MOVED = Query("told_moved", "update store set moved_at = ? where moved_by = ?", ("now", "copying"))


@dataclass(frozen=True, slots=True)
class Mark:
    """What a store says of itself, with the columns of migration 10."""

    created_at: int
    is_backup: int
    moved_by: str | None
    moved_at: int | None
    copied_by: str | None
    copied_until: str | None


@dataclass(frozen=True, slots=True)
class Until:
    """How far a target has come: `after` is the last key of the page that was written last, of `part`."""

    part: str
    after: Key | None

    def text(self) -> str:
        key = None if self.after is None else [_as_json(value) for value in self.after]
        return json.dumps({"part": self.part, "after": key})

    @classmethod
    def read(cls, text: str) -> "Until":
        found = json.loads(text)
        key = found["after"]
        return cls(found["part"], None if key is None else tuple(_from_json(value) for value in key))


def _as_json(value: object) -> object:
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _from_json(value: Any) -> object:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


@dataclass(frozen=True)
class Table:
    """A table as the schema has it, and the statements that read and write it in the order of its key."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    unbounded: tuple[str, ...]
    """The columns whose values may have any length."""

    @cached_property
    def lengths(self) -> tuple[Query, Query]:
        """Keys with the length of what stands beside them: from the beginning, and after a key."""
        length = " + ".join(f"coalesce(length({column}), 0)" for column in self.unbounded) or "0"
        head = f"select {self._keys}, {length} from {self.name}"
        tail = f"order by {self._keys} limit {PAGE_ROWS}"
        return (
            Query(f"lengths_{self.name}", f"{head} {tail}", ()),
            Query(f"lengths_{self.name}", f"{head} where {self._than('>')} {tail}", self._names("after")),
        )

    @cached_property
    def rows(self) -> tuple[Query, Query]:
        """Whole rows up to a key: from the beginning, and after another key."""
        head, tail = f"select {', '.join(self.columns)} from {self.name}", f"order by {self._keys}"
        until = self._names("until")
        return (
            Query(f"rows_{self.name}", f"{head} where {self._than('<=')} {tail}", until),
            Query(
                f"rows_{self.name}",
                f"{head} where {self._than('>')} and {self._than('<=')} {tail}",
                (*self._names("after"), *until),
            ),
        )

    @cached_property
    def insert(self) -> Query:
        marks = ", ".join("?" * len(self.columns))
        text = f"insert into {self.name} ({', '.join(self.columns)}) values ({marks})"
        return Query(f"insert_{self.name}", text, self.columns)

    @cached_property
    def count(self) -> Query:
        return Query(f"count_{self.name}", f"select count(*) from {self.name}", ())

    @cached_property
    def any(self) -> Query:
        return Query(f"any_{self.name}", f"select 1 from {self.name} limit 1", ())

    def key_of(self, row: Sequence[Any]) -> Key:
        return tuple(row[self.columns.index(column)] for column in self.key)

    @property
    def _keys(self) -> str:
        return ", ".join(self.key)

    def _than(self, sign: str) -> str:
        return f"({self._keys}) {sign} ({', '.join('?' * len(self.key))})"

    def _names(self, of: str) -> tuple[str, ...]:
        return tuple(f"{of}_{place}" for place in range(len(self.key)))


def tables() -> list[Table]:
    """Every table whose rows are copied, what others refer to first; as this release's schema has them."""
    with closing(sqlite3.connect(":memory:")) as schema:
        for migration in migrations(SQLITE):
            for statement in migration.statements:
                schema.execute(statement)
        names = schema.execute("select name from sqlite_schema where type = 'table' order by name").fetchall()
        found = {name: _table(schema, name) for (name,) in names if name not in STAY}
        parents = {
            name: {row[2] for row in schema.execute(f"pragma foreign_key_list({name})")} - {name} for name in found
        }
    return [found[name] for name in _parents_first(parents)]


def _table(schema: sqlite3.Connection, name: str) -> Table:
    columns = schema.execute(f"pragma table_info({name})").fetchall()
    staying = STAYING_COLUMNS.get(name, ())
    return Table(
        name,
        tuple(row[1] for row in columns if row[1] not in staying),
        tuple(row[1] for row in sorted(columns, key=lambda row: row[5]) if row[5]),
        tuple(row[1] for row in columns if row[2] in ("TEXT", "BLOB")),
    )


def _parents_first(parents: dict[str, set[str]]) -> Iterator[str]:
    waiting = dict(parents)
    while waiting:
        free = [name for name, needed in waiting.items() if not needed & waiting.keys()]
        yield from free
        for name in free:
            del waiting[name]


def require_alone(store: Store, what: str) -> None:
    """Raises StoreError where other processes of ours are connected to the same database."""
    deadline = time.monotonic() + OTHERS_GONE_S_MAX
    while others := store.read(lambda tx: tx.one(_OTHERS) or (0,))[0]:
        if time.monotonic() > deadline:
            raise StoreError(
                f"{others} connections of Hydrobit are open to the {what}; stop the servers and commands that use it"
            )
        time.sleep(OTHERS_PAUSE_S)


def require_schema(tx: Transaction) -> None:
    """Raises StoreTooNew for a store with tables that this release does not know, though it could work on it."""
    present, known = version(tx), migrations()[-1].version
    if present != known:
        raise StoreTooNew(
            f"the store has schema {present}, this release copies schema {known}: copy with the newer one"
        )


def mark(tx: Transaction) -> Mark | None:
    """What a store says of itself; None where no server has begun it."""
    row = tx.one(_MARK)
    return None if row is None else Mark(*row)


def give_up(tx: Transaction, now: int, begin_life: Callable[[Transaction, int], None]) -> bool:
    """Opens a source again, and says whether it was shut.

    `begin_life` gives its companies new prefixes for their ids at once, as after a backup: the copy may be whole,
    though the source was not told, and a node that comes back to the source asks nobody before it writes.
    """
    found = mark(tx)
    if found is None or found.moved_by is None:
        return False
    tx.run(_OPEN_STORE)
    tx.run(_OPEN_HEADS)
    begin_life(tx, now)
    return True


class Copying:
    """One source on its way into one target; both have this release's schema, and nobody else writes into them."""

    def __init__(self, source: Store, target: Store, names: tuple[str, str]) -> None:
        self._source, self._target = source, target
        self._from, self._to = names
        self.tables = tables()
        self.id = ""
        self.is_over = False
        """Whether an earlier run has brought everything over already."""
        self._until = Until(self.tables[0].name, None)

    def look(self) -> Mark:
        """What the source says of itself. Raises StoreError where the two do not fit together; changes nothing."""
        ours, theirs = self._source.read(mark), self._target.read(mark)
        if ours is None or not self._source.read(_holds_any, self.tables):
            raise StoreError(f"{self._from} holds nothing that could be copied")
        if ours.copied_until is not None:
            raise StoreError(f"{self._from} is itself a copy that was not finished; finish it first, by repeating it")
        if theirs is not None and theirs.copied_by is not None and theirs.copied_by == ours.moved_by:
            self.id, self.is_over = theirs.copied_by, theirs.copied_until is None
            self._until = Until.read(theirs.copied_until) if theirs.copied_until is not None else self._until
            return ours
        if ours.moved_at is not None:
            raise StoreError(
                f"{self._from} was moved elsewhere already; copy from there, or open it again with --give-up"
            )
        self._target.read(_require_empty, self.tables, self._to)
        return ours

    def begin(self, now: int, new_id: str) -> bool:
        """Shuts the source and marks the target; or goes on where an earlier run stopped, and then says True.

        Raises StoreError as `look` does.
        """
        ours = self.look()
        if self.id:
            return True
        self.id = new_id
        self._source.write(_shut, new_id, now)
        self._target.write(_begin, self.tables, self._to, (ours.created_at, ours.is_backup, new_id, self._until.text()))
        return False

    def counts(self) -> dict[str, int]:
        """The rows of each table of the source."""
        return self._source.read(_counts, self.tables)

    def copy(self, tell: Tell) -> int:
        """Brings over every row that is not there yet, and returns how many that were."""
        names, copied = [table.name for table in self.tables], 0
        if self._until.part not in names:
            return 0
        for table in self.tables[names.index(self._until.part) :]:
            after = self._until.after if self._until.part == table.name else None
            for rows, until in self._pages(table, after):
                self._move_on(Until(table.name, until), table, rows)
                copied += len(rows)
                tell(len(rows))
        return copied

    def skipped(self) -> int:
        """How many rows an earlier run had brought over."""
        return sum(self._target.read(_counts, self.tables).values())

    def compare(self, tell: Tell) -> None:
        """Reads both sides row by row. Raises StoreError naming the first table whose rows differ."""
        if self._source.read(_counts, self.tables) != (there := self._target.read(_counts, self.tables)):
            different = [name for name, count in self.counts().items() if count != there[name]]
            raise StoreError(f"{self._to} has another number of rows than {self._from} in {', '.join(different)}")
        for table in self.tables:
            after: Key | None = None
            for rows, until in self._pages(table, after):
                if self._target.read(_rows, table, after, until) != rows:
                    raise StoreError(f"{self._to} has other rows than {self._from} in {table.name}, up to {until}")
                after = until
                tell(len(rows))

    def _pages(self, table: Table, after: Key | None) -> Iterator[tuple[list[Row], Key]]:
        """The source's rows after a key, with the last key of each page; the next page is read while one is used."""
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(self._source.read, _page, table, after)
            while rows := coming.result():
                until = table.key_of(rows[-1])
                coming = reader.submit(self._source.read, _page, table, until)
                yield rows, until

    def after(self, part: str) -> Key | None:
        """How far an earlier run came in a part that is no table."""
        return self._until.after if self._until.part == part else None

    def move_on(self, part: str, after: Key) -> None:
        """Says how far a part that is no table has come."""
        self._move_on(Until(part, after))

    def finish(self, now: int) -> None:
        """The target is a store, and the source is one that was moved."""
        if not self.is_over:
            self._move_on(None)
        self._source.write(lambda tx: tx.run(_TOLD_MOVED, now=now, copying=self.id))

    def _move_on(self, until: Until | None, table: Table | None = None, rows: Sequence[Row] = ()) -> None:
        before, after = self._until.text(), until.text() if until else None
        self._target.write(_advance, self.id, before, after, table, rows)
        self._until = until or self._until


def _holds_any(tx: Transaction, tables: Sequence[Table]) -> bool:
    return any(tx.one(table.any) is not None for table in tables)


def _require_empty(tx: Transaction, tables: Sequence[Table], name: str) -> None:
    found = mark(tx)
    if found is not None and found.copied_until is not None:
        raise StoreError(f"{name} holds an unfinished copy of another store, or of one that was opened again; empty it")
    full = [table.name for table in tables if tx.one(table.any) is not None]
    if full:
        raise StoreError(f"{name} holds another installation already ({', '.join(full)}); choose one that is empty")


def _shut(tx: Transaction, copying: str, now: int) -> None:
    tx.run(_SHUT_STORE, copying=copying)
    tx.run(_SHUT_HEADS, now=now)


def _begin(tx: Transaction, tables: Sequence[Table], name: str, values: tuple[object, ...]) -> None:
    _require_empty(tx, tables, name)
    tx.run(_DROP_STORE)
    tx.run(_BEGIN, **dict(zip(_BEGIN.names, values, strict=True)))


def _counts(tx: Transaction, tables: Sequence[Table]) -> dict[str, int]:
    return {table.name: (tx.one(table.count) or (0,))[0] for table in tables}


def _page(tx: Transaction, table: Table, after: Key | None) -> list[Row]:
    """The rows after a key, as many as a page may hold."""
    first, later = table.lengths
    found = tx.all(first) if after is None else tx.all(later, **_values("after", after))
    until, length = None, 0
    for row in found:
        length += row[-1]
        if until is not None and length > PAGE_CHARACTERS:
            break
        until = row[:-1]
    return [] if until is None else _rows(tx, table, after, until)


def _rows(tx: Transaction, table: Table, after: Key | None, until: Key) -> list[Row]:
    first, later = table.rows
    if after is None:
        return tx.all(first, **_values("until", until))
    return tx.all(later, **_values("after", after), **_values("until", until))


def _values(of: str, key: Key) -> dict[str, object]:
    return {f"{of}_{place}": value for place, value in enumerate(key)}


def _advance(
    tx: Transaction, copying: str, before: str, after: str | None, table: Table | None, rows: Sequence[Row]
) -> None:
    """Writes a page with the step of the mark; run again after a commit that was lost, it finds that done."""
    row = tx.one(_UNTIL, copying=copying)
    if row is not None and row[0] == after:
        return
    if row is None or row[0] != before:
        raise StoreError("another copy into the same target is under way; let it end, then repeat")
    if table is not None:
        tx.run_many(table.insert, rows)
    tx.run(_MOVE_UNTIL, until=after, copying=copying)
