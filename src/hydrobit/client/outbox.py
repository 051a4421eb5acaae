"""The outbox: counts on this machine's disk, from before they are sent until the server has said what became of them.

A file of SQLite with `synchronous=full`: `record` returns once the count would outlive a loss of power, and raises
NotKept where it would not. Any number of processes may hand counts in, one at a time sends them. The order is that of
handing in; no clock has a part in it.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import uuid4

import msgspec

from hydrobit.client import counts
from hydrobit.client.calls import Number
from hydrobit.client.counts import Count
from hydrobit.client.failures import NotKept, OutboxError, OutboxInUse
from hydrobit.errors import Code, Refused
from hydrobit.kit.clock import Clock, SystemClock
from hydrobit.kit.instants import write_instant

FORM = 1
"""Of the file; another release's is not touched."""
BUSY_S_MAX = 30
"""Another process writes for so long at most."""
DELIVERED_KEPT_MAX = 10_000
"""So many numbers back, what was delivered is still known by its event."""
LIST_LENGTH_MAX = 1_000

_SCHEMA = """
create table if not exists item (
    number integer primary key autoincrement,
    session_id text not null,
    worker_id text not null,
    event_id text not null,
    state text not null,
    body text not null,
    record_id text,
    held_id text,
    code text,
    sentence text,
    server_time text,
    unique (session_id, worker_id, event_id)
);
create index if not exists item_by_state on item (state, number);
"""
_COLUMNS = "number, state, body, record_id, held_id, code, sentence, server_time"


class State(StrEnum):
    """Where a count stands."""

    waiting = "waiting"
    delivered = "delivered"
    held = "held"
    """It came after the session's close, and the server keeps it for review."""
    refused = "refused"
    """A dead letter: it stays until somebody hands it in anew or forgets it."""


class Item(NamedTuple):
    """One count of the outbox, by its number in this file."""

    number: int
    state: State
    body: Count
    record_id: str | None = None
    held_id: str | None = None
    code: str | None = None
    sentence: str | None = None
    server_time: str | None = None

    @property
    def event_id(self) -> str:
        return str(self.body["clientEventId"])

    @property
    def worker_id(self) -> str:
        return str(self.body["workerId"])


class Outcome(NamedTuple):
    """What the server said of one count, for good."""

    number: int
    state: State
    record_id: str | None = None
    held_id: str | None = None
    code: str | None = None
    sentence: str | None = None
    server_time: str | None = None


class Outbox:
    """One file. May be used by several threads. Raises OutboxError when it cannot be opened."""

    def __init__(
        self, path: Path | str, *, clock: Clock | None = None, new_id: Callable[[], str] | None = None
    ) -> None:
        self.path = Path(path)
        self._clock = clock or SystemClock()
        self._new_id = new_id or _new_id
        self._turn = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _make_private(self.path)
            self._file = _connect(self.path)
        except (OSError, sqlite3.Error) as e:
            raise OutboxError(f"the outbox {self.path} cannot be opened: {e}") from e
        try:
            self._prepare()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._turn:
            self._file.close()

    # Handing in

    def record(
        self,
        session_id: str,
        worker_id: str,
        worker_name: str,
        *,
        units: Number = 1,
        recorded_at: str | None = None,
        client_event_id: str | None = None,
        idempotency_key: str | None = None,
        device_id: str | None = None,
        device_seq: int | None = None,
        evidence: Mapping[str, Any] | None = None,
    ) -> Item:
        """Keeps a count; it is on the disk when this returns. The same event again is the first one.

        Raises Refused for what the server could not read, and for an event that was handed in with other content;
        NotKept when nothing was stored.
        """
        made = counts.count(
            session_id,
            worker_id,
            worker_name,
            units=units,
            recorded_at=recorded_at or write_instant(self._clock.now()),
            client_event_id=client_event_id or self._new_id(),
            idempotency_key=idempotency_key,
            device_id=device_id,
            device_seq=device_seq,
            evidence=evidence,
        )
        return self.keep([made], has_time=recorded_at is not None)[0]

    def keep(self, made: Sequence[Count], *, has_time: bool = True) -> list[Item]:
        """Keeps counts that `counts.count` made, all of them or none. Without `has_time` a repeat may differ in it."""
        with self._writing() as file:
            return [_keep(file, each, has_time) for each in made]

    # Looking

    def counts(self) -> dict[State, int]:
        """How many there are in each state."""
        with self._reading() as file:
            found = dict(file.execute("select state, count(*) from item group by state"))
        return {state: found.get(state.value, 0) for state in State}

    @property
    def last_number(self) -> int:
        """That of the count that was handed in last, also when it is gone by now; 0 where there was none."""
        with self._reading() as file:
            found = file.execute("select seq from sqlite_sequence where name = 'item'").fetchone()
        return 0 if found is None else int(found[0])

    def items(self, state: State, *, after: int = 0, limit: int = LIST_LENGTH_MAX) -> list[Item]:
        """Those of a state in the order of their numbers, from behind a number."""
        question = f"select {_COLUMNS} from item where state = ? and number > ? order by number limit ?"
        with self._reading() as file:
            return [_item(row) for row in file.execute(question, (state.value, after, limit))]

    def item(self, number: int) -> Item:
        """Raises OutboxError when there is none of that number."""
        with self._reading() as file:
            return _require(file, number)

    # Sending

    def waiting(self, limit: int, workers: Collection[str] = (), numbers: Collection[int] = ()) -> list[Item]:
        """The first that wait, in their order, without those of some workers and without some numbers."""
        question = (
            f"select {_COLUMNS} from item where state = 'waiting'"
            " and worker_id not in (select value from json_each(?))"
            " and number not in (select value from json_each(?)) order by number limit ?"
        )
        with self._reading() as file:
            return [
                _item(row) for row in file.execute(question, (json.dumps([*workers]), json.dumps([*numbers]), limit))
            ]

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Writes down what became of counts. Raises NotKept; then they are sent again, and counted once."""
        change = (
            "update item set state = ?, record_id = ?, held_id = ?, code = ?, sentence = ?, server_time = ?"
            " where number = ?"
        )
        with self._writing() as file:
            file.executemany(change, [(*outcome[1:], outcome.number) for outcome in outcomes])
            file.execute(
                "delete from item where state = 'delivered' and number <= (select max(number) from item) - ?",
                (DELIVERED_KEPT_MAX,),
            )

    @contextmanager
    def sending(self) -> Iterator[None]:
        """For as long as counts are sent. Raises OutboxInUse. The lock is gone with its process, however it ends."""
        place = self.path.with_name(self.path.name + ".lock")
        try:
            _make_private(place)
            lock = sqlite3.connect(place, timeout=0, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as e:
            raise OutboxError(f"{place} cannot be opened: {e}") from e
        with closing(lock):
            try:
                lock.execute("begin exclusive")
            except sqlite3.OperationalError as e:
                raise OutboxInUse(f"the outbox {self.path} is being sent by another process") from e
            yield

    # Dead letters

    def again(self, number: int, **changes: Any) -> Item:
        """Hands a dead letter in anew, with members that were put right. Raises OutboxError, Refused, NotKept.

        It keeps its clientEventId, unless another one stands among the changes.
        """
        with self._writing() as file:
            item = _require(file, number)
            if item.state is not State.refused:
                raise OutboxError(f"{number} is {item.state.value}; only what was refused is handed in anew")
            count = counts.checked({**item.body, **changes})
            place = (count["sessionId"], count["workerId"], count["clientEventId"])
            _require_free(file, place, number)
            file.execute(
                "update item set session_id = ?, worker_id = ?, event_id = ?, body = ?, state = 'waiting', code = null,"
                " sentence = null, server_time = null where number = ?",
                (*place, _text(count), number),
            )
            return _require(file, number)

    def forget(self, number: int) -> None:
        """Takes away what was refused or is held by the server. Raises OutboxError, NotKept."""
        with self._writing() as file:
            item = _require(file, number)
            if item.state not in (State.refused, State.held):
                raise OutboxError(f"{number} is {item.state.value}; only what was refused or is held can be forgotten")
            file.execute("delete from item where number = ?", (number,))

    # The file

    def _prepare(self) -> None:
        with self._writing() as file:
            (form,) = file.execute("pragma user_version").fetchone()
            if form not in (0, FORM):
                raise OutboxError(f"the outbox {self.path} was written by another release; open it with that one")
            for statement in filter(str.strip, _SCHEMA.split(";")):
                file.execute(statement)
            if form == 0:
                file.execute(f"pragma user_version = {FORM}")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: on the disk at its end, or nothing of it."""
        with self._turn:
            try:
                self._file.execute("begin immediate")
                try:
                    yield self._file
                    self._file.execute("commit")
                except BaseException:
                    with suppress(sqlite3.Error):
                        if self._file.in_transaction:
                            self._file.execute("rollback")
                    raise
            except sqlite3.Error as e:
                raise NotKept(f"nothing was stored in the outbox {self.path}: {e}") from e

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            try:
                yield self._file
            except sqlite3.Error as e:
                raise OutboxError(f"the outbox {self.path} cannot be read: {e}") from e


def _new_id() -> str:
    return f"evt_{uuid4().hex}"


def _make_private(path: Path) -> None:
    """The file is its owner's alone, for it holds people's names and work."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _connect(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, timeout=BUSY_S_MAX, isolation_level=None, check_same_thread=False)
    try:
        file.execute("pragma journal_mode = wal")
        file.execute("pragma synchronous = full")
    except BaseException:
        file.close()
        raise
    return file


def _keep(file: sqlite3.Connection, count: Count, has_time: bool) -> Item:
    place = (count["sessionId"], count["workerId"], count["clientEventId"])
    known = _at(file, place)
    if known is None:
        file.execute(
            "insert into item (session_id, worker_id, event_id, state, body) values (?, ?, ?, 'waiting', ?)",
            (*place, _text(count)),
        )
        known = _at(file, place)
        assert known is not None, "it was just written"
        return known
    same = count if has_time else {**count, "recordedAtUtc": known.body["recordedAtUtc"]}
    if msgspec.json.decode(_text(same)) != known.body:
        raise Refused(
            Code.idempotency_conflict,
            f"The event {place[2]} was handed in before with other content.",
            field="clientEventId",
        )
    return known


def _at(file: sqlite3.Connection, place: Sequence[str]) -> Item | None:
    question = f"select {_COLUMNS} from item where session_id = ? and worker_id = ? and event_id = ?"
    row = file.execute(question, place).fetchone()
    return None if row is None else _item(row)


def _require(file: sqlite3.Connection, number: int) -> Item:
    row = file.execute(f"select {_COLUMNS} from item where number = ?", (number,)).fetchone()
    if row is None:
        raise OutboxError(f"there is no count {number} in the outbox")
    return _item(row)


def _require_free(file: sqlite3.Connection, place: Sequence[str], number: int) -> None:
    other = _at(file, place)
    if other is not None and other.number != number:
        raise OutboxError(f"the event {place[2]} is count {other.number} already")


def _text(count: Count) -> str:
    return msgspec.json.encode(count, order="deterministic").decode()


def _item(row: Sequence[Any]) -> Item:
    number, state, body, *rest = row
    return Item(number, State(state), msgspec.json.decode(body), *rest)
