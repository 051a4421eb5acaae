"""`hydrobit verify` finds whatever was changed behind the server's back, and names the entry or the session."""

import asyncio
import random
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hydrobit.errors import HydrobitError, LedgerBroken
from hydrobit.ledger.entry import Kind
from hydrobit.ledger.store import sql
from hydrobit.storage import directory
from hydrobit.storage.queries import SQLITE
from tests import embedded, engines
from tests.commands import hydrobit
from tests.tools import alone_on
from tests.unit.ledger import independent
from tests.unit.ledger.books import write_a_day

ENTRY_COLUMNS = sql.insert_entry.names
KEYS = {
    "entry": ("entry_id",),
    "head": ("company",),
    "personal": ("company", "digest"),
    "session": ("company", "session_no"),
    "session_terms": ("company", "session_no", "seq"),
    "session_writer": ("company", "session_no", "user_id", "from_at"),
    "session_description": ("company", "session_no"),
    "held": ("company", "held_number"),
}
UNCHAINED_HELD = {
    "prefix", "worker_id", "worker_name", "client_event_id", "idempotency_key", "units", "recorded_at", "received_at",
    "sent_at", "actor", "source", "device_id", "device_seq", "evidence",
}  # fmt: skip
NUMBERS = {"sent_at", "device_seq", "answers", "closed_at", "closed_seq", "until_at", "bonus_value", "qualities_at"}
BYTES_TRIED = 400


class Book:
    """A store that tests break again and again."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._sound = engines.kept(data, tuple(KEYS))

    def mend(self) -> None:
        self._sound()

    @property
    def path(self) -> Path:
        return self.data / directory.DATABASE

    def opened(self) -> AbstractContextManager[engines.Hand]:
        return engines.hand(self.data)

    def rows(self, table: str) -> list[dict[str, Any]]:
        with self.opened() as hand:
            return hand.dicts(f"select * from {table} order by {', '.join(KEYS[table])}")

    def texts(self) -> list[dict[str, Any]]:
        """The personal texts that entries name; those of the audit log are no part of the ledger."""
        with self.opened() as hand:
            audited = hand.rows("select before_digest from audit union select after_digest from audit")
            digests = {digest for (digest,) in audited}
        return [row for row in self.rows("personal") if row["digest"] not in digests]

    def change(self, statement: str, *values: object) -> None:
        with self.opened() as hand:
            assert hand.write(statement, *values) == 1

    def set(self, table: str, row: dict[str, Any], column: str, value: object) -> None:
        where = " and ".join(f"{key} = ?" for key in KEYS[table])
        self.change(f"update {table} set {column} = ? where {where}", value, *(row[key] for key in KEYS[table]))

    def may_be_null(self, table: str) -> list[str]:
        with self.opened() as hand:
            return hand.may_be_null(table)

    def complaint(self) -> str:
        """What verify says is broken; fails when it finds everything sound."""
        with pytest.raises(LedgerBroken) as broken:
            embedded.verify(self.data)
        return str(broken.value)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("written") / "data"
    asyncio.run(write_a_day(data))
    return data


@pytest.fixture
def book(written: Path, tmp_path: Path) -> Iterator[Book]:
    data = engines.copy(written, tmp_path / "data")
    with engines.busy_hand(data):
        yield Book(data)


def other(value: Any, column: str) -> object:
    """The value with one bit changed, or something where nothing was."""
    match value:
        case None if column in NUMBERS:
            return 1
        case None:
            return b"x" * 16 if column.endswith("digest") or column == "salt" else "x"
        case int():
            return value ^ (1 << 20 if column in ("entry_id", "session_no", "seq", "held_number") else 1)
        case str():
            return value[:-1] + chr(ord(value[-1]) ^ 1)
        case bytes():
            return value[:-1] + bytes([value[-1] ^ 1])
    raise TypeError(value)


def test_the_day_has_an_entry_of_every_kind_and_is_sound(book: Book) -> None:
    entries = book.rows("entry")
    assert {row["kind"] for row in entries} == set(Kind) - {Kind.late, Kind.adjustment}
    for column in ENTRY_COLUMNS:
        assert any(row[column] is not None for row in entries), f"no entry has {column}"
    assert all(book.rows(table) for table in KEYS)
    embedded.verify(book.data)


@pytest.mark.parametrize("column", ENTRY_COLUMNS)
def test_a_change_of_any_column_of_any_entry_is_named(book: Book, column: str) -> None:
    for row in book.rows("entry"):
        book.set("entry", row, column, other(row[column], column))
        assert f"company {row['company']}: seq {row['seq']} " in book.complaint()
        book.mend()


def test_an_entry_that_lost_a_value_is_named(book: Book) -> None:
    for row in book.rows("entry"):
        for column in book.may_be_null("entry"):
            if row[column] is not None:
                book.set("entry", row, column, None)
                assert f"seq {row['seq']} " in book.complaint()
                book.mend()


@pytest.mark.parametrize("column", ["company", "prefix", "seq", "held_number", "units", "hash"])
def test_a_change_of_any_column_of_a_head_is_found(book: Book, column: str) -> None:
    for row in book.rows("head"):
        value = row[column] ^ 4 if column == "company" else other(row[column], column)
        book.set("head", row, column, value)
        assert "head" in book.complaint()
        book.mend()


def test_a_head_that_is_gone_is_found(book: Book) -> None:
    for row in book.rows("head"):
        book.change("delete from head where company = ?", row["company"])
        assert f"seq 1 of company {row['company']} belongs to no ledger" in book.complaint()
        book.mend()


def test_an_entry_that_is_gone_is_named(book: Book) -> None:
    entries = book.rows("entry")
    for row in entries:
        book.change("delete from entry where entry_id = ?", row["entry_id"])
        is_last = row["seq"] == max(each["seq"] for each in entries if each["company"] == row["company"])
        expected = f"after seq {row['seq'] - 1}:" if is_last else f"seq {row['seq']} is missing"
        assert expected in book.complaint()
        book.mend()


def test_two_entries_that_changed_places_are_named(book: Book) -> None:
    entries = book.rows("entry")
    for first, second in pairwise(entries):
        if first["company"] != second["company"]:
            continue
        with book.opened() as hand:
            move = "update entry set entry_id = ?, seq = ? where entry_id = ?"
            hand.write(move, 0, 0, first["entry_id"])
            hand.write(move, first["entry_id"], first["seq"], second["entry_id"])
            hand.write(move, second["entry_id"], second["seq"], 0)
        assert f"seq {first['seq']} does not fit the chain" in book.complaint()
        book.mend()


@pytest.mark.parametrize("column", ["company", "digest", "subject", "salt", "text"])
def test_a_change_of_any_column_of_a_personal_text_is_found(book: Book, column: str) -> None:
    for row in book.texts():
        book.set("personal", row, column, other(row[column], column))
        assert "text" in book.complaint()
        book.mend()


def test_a_personal_text_that_is_gone_but_not_erased_is_found(book: Book) -> None:
    for row in book.texts():
        book.change("delete from personal where company = ? and digest = ?", row["company"], row["digest"])
        assert "text" in book.complaint()
        book.mend()


@pytest.mark.parametrize("column", ["salt", "text"])
def test_an_erased_text_that_came_back_is_found(book: Book, column: str) -> None:
    row = book.rows("personal")[0]
    book.change("update personal set salt = null, text = null where digest = ?", row["digest"])
    embedded.verify(book.data)
    book.change(f"update personal set {column} = ? where digest = ?", row[column], row["digest"])
    assert "text" in book.complaint()


OF_SESSIONS = ["session", "session_terms", "session_writer", "session_description"]


@pytest.mark.parametrize("table", OF_SESSIONS)
def test_a_change_of_what_stands_of_a_session_names_it(book: Book, table: str) -> None:
    ids = {(row["company"], row["session_no"]): row["session_id"] for row in book.rows("session")}
    for row in book.rows(table):
        named = rf"{ids[row['company'], row['session_no']]}|session.* {row['session_no']}\b"
        changes = {column: other(value, column) for column, value in row.items()}
        losses = {column: None for column in book.may_be_null(table) if row[column] is not None}
        for column, value in (*changes.items(), *losses.items()):
            book.set(table, row, column, value)
            assert re.search(named, book.complaint()), column
            book.mend()


@pytest.mark.parametrize("table", OF_SESSIONS)
def test_what_is_gone_of_a_session_is_found(book: Book, table: str) -> None:
    for row in book.rows(table):
        where = " and ".join(f"{key} = ?" for key in KEYS[table])
        book.change(f"delete from {table} where {where}", *(row[key] for key in KEYS[table]))
        assert re.search(
            rf"session opened at seq {row['session_no']}|opened at seq {row['session_no']}:", book.complaint()
        )
        book.mend()


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        ("session", {"session_no": 4_000, "session_id": "f" * 24, "local_id": None, "day": "1999-01-01"}),
        ("session_terms", {"session_no": 4_000}),
        ("session_terms", {"seq": 4_000, "price": 9_000_000}),
        ("session_writer", {"session_no": 4_000}),
        ("session_writer", {"user_id": "user_intruder"}),
        ("session_description", {"session_no": 4_000}),
    ],
)
def test_what_no_entry_says_of_a_session_is_found(book: Book, table: str, changes: dict[str, Any]) -> None:
    row = book.rows(table)[0] | changes
    book.change(f"insert into {table} ({', '.join(row)}) values ({', '.join('?' * len(row))})", *row.values())
    assert "session" in book.complaint()


def test_a_held_count_that_is_gone_is_found(book: Book) -> None:
    book.change("delete from held")
    assert "0 counts are held" in book.complaint()


def test_a_held_count_is_bound_to_its_number_and_session_but_not_to_its_content(book: Book) -> None:
    """It is no movement; what it says enters the chain when it is approved."""
    (row,) = book.rows("held")
    for column, value in row.items():
        book.set("held", row, column, other(value, column))
        if column in UNCHAINED_HELD:
            embedded.verify(book.data)
        else:
            assert "held" in book.complaint()
        book.mend()


class Forger:
    """Appends what the chain and the head agree with: only the rules can find it."""

    def __init__(self, book: Book) -> None:
        self.book = book

    def append(self, like: dict[str, Any], **changes: Any) -> int:
        """Appends an entry like another one, chains it, moves the head, and returns its seq."""
        company = like["company"]
        with self.book.opened() as hand:
            for index in ("entry_event", "entry_key", "entry_device", "entry_answer"):
                hand.write(f"drop index if exists {index}")
            ((seq, units, end),) = hand.rows("select seq, units, hash from head where company = ?", company)
            seq += 1
            row = like | {"seq": seq, "entry_id": company << 40 | seq} | changes
            row["hash"] = independent.link(end, [row[column] for column in independent.COLUMNS])
            hand.write(f"insert into entry ({', '.join(row)}) values ({', '.join('?' * len(row))})", *row.values())
            hand.write(
                "update head set seq = ?, units = ?, hash = ? where company = ?",
                *(seq, units + row["units"], row["hash"], company),
            )
        return int(seq)

    def reopen(self, session_no: int) -> None:
        """Opens a session again, so that what follows may stand in it."""
        closed = self.first(kind=Kind.session_closed, session_no=session_no)
        self.append(closed, kind=4, facts='{"expiresAt":1,"maxDurationHours":72,"reopened":true}')

    def first(self, **wanted: object) -> dict[str, Any]:
        """The first entry of the demo company that fits, with the prefix of the last one."""
        rows = [row for row in self.book.rows("entry") if row["company"] == 1]
        found = next(row for row in rows if all(row[name] == value for name, value in wanted.items()))
        return found | {"prefix": rows[-1]["prefix"]}


@pytest.fixture
def forger(book: Book) -> Forger:
    return Forger(book)


@pytest.fixture
def expired(forger: Forger) -> int:
    """The session that ended by its time, opened again."""
    closes = [row for row in forger.book.rows("entry") if row["kind"] == 5 and '"expired"' in row["facts"]]
    session_no: int = next(row["session_no"] for row in reversed(closes) if row["company"] == 1)
    forger.reopen(session_no)
    return session_no


def test_a_record_appended_without_its_link_is_named(book: Book, forger: Forger) -> None:
    like = forger.first(kind=Kind.record)
    seq = forger.append(like)
    book.change("update entry set hash = ? where seq = ? and company = 1", like["hash"], seq)
    assert f"seq {seq} does not fit the chain" in book.complaint()


def test_a_record_appended_without_the_head_is_found(book: Book, forger: Forger) -> None:
    before = next(row for row in book.rows("head") if row["company"] == 1)
    seq = forger.append(forger.first(kind=Kind.session_opened), kind=9, session_no=before["seq"] + 1, facts=None)
    book.change(
        "update head set seq = ?, hash = ?, units = ? where company = 1", before["seq"], before["hash"], before["units"]
    )
    assert f"the head does not fit after seq {seq}" in book.complaint()


def test_a_forged_record_in_a_closed_session_is_named(book: Book, forger: Forger) -> None:
    seq = forger.append(forger.first(kind=Kind.record), client_event_id="forged", idempotency_key=None)
    assert f"seq {seq} stands in a session that was not open" in book.complaint()


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({}, "hold the same event"),
        ({"client_event_id": "forged", "device_id": "d1", "device_seq": 1}, "hold the same number of a device"),
        ({"client_event_id": "forged", "idempotency_key": "k1"}, "hold the same own key"),
    ],
    ids=["event", "device", "own key"],
)
def test_a_forged_repeat_of_a_key_is_named(
    book: Book, forger: Forger, expired: int, keys: dict[str, Any], sentence: str
) -> None:
    seq = forger.append(forger.first(kind=Kind.record, session_no=expired), **keys)
    assert re.search(rf"seq {seq} and seq \d+ {sentence}", book.complaint())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "undo the same record"),
        ({"units": -1}, "does not undo"),
        ({"answers": 1}, "does not undo"),
        ({"answers": None}, "does not undo"),
        ({"worker_id": "IC0303"}, "does not undo"),
    ],
    ids=["twice", "other units", "no record", "nothing", "another worker"],
)
def test_a_forged_void_is_named(
    book: Book, forger: Forger, expired: int, changes: dict[str, Any], sentence: str
) -> None:
    record = forger.first(kind=Kind.record, session_no=expired)
    void = record | {"kind": 2, "units": -record["units"], "answers": record["seq"], "client_event_id": None}
    forger.append(void)
    seq = forger.append(void, **changes)
    complaint = book.complaint()
    assert f"seq {seq} " in complaint
    assert sentence in complaint


@pytest.mark.parametrize(
    ("kind", "changes", "sentence"),
    [
        (Kind.record, {"units": -5, "client_event_id": "forged"}, "counts below zero"),
        (Kind.record, {"kind": 7}, "is of kind 7"),
        (Kind.record, {"prefix": 1, "client_event_id": "forged"}, "carries another prefix"),
        (Kind.key_claimed, {"answers": 1}, "claims no key"),
        (Kind.session_opened, {}, "opens a session under another number"),
        (Kind.session_changed, {"session_no": 1, "facts": "{}"}, "changes a session that was not open"),
        (Kind.session_changed, {"session_no": 1, "facts": "{"}, "has facts that cannot be read"),
        (Kind.session_closed, {"session_no": 1}, "closes a session that was not open"),
        (Kind.session_described, {"session_no": 2}, "describes no session"),
        (Kind.session_described, {"units": 1}, "describes no session"),
        (Kind.session_described, {"facts": '{"plateDigest":"x"}'}, "has facts that cannot be read"),
    ],
)  # fmt: skip
def test_a_forged_entry_that_makes_no_sense_is_named(
    book: Book, forger: Forger, expired: int, kind: Kind, changes: dict[str, Any], sentence: str
) -> None:
    place = {"session_no": expired} if kind == Kind.record else {}
    seq = forger.append(forger.first(kind=kind, **place), **changes)
    assert f"seq {seq} {sentence}" in book.complaint()


def test_a_close_that_says_another_sum_is_named(book: Book, forger: Forger, expired: int) -> None:
    close = forger.first(kind=Kind.session_closed, session_no=expired)
    seq = forger.append(close, facts='{"closedAt":1,"reason":"manual","units":7}')
    assert f"seq {seq} closes its session with 7 units" in book.complaint()


def test_a_forged_change_of_the_price_names_the_session(book: Book, forger: Forger, expired: int) -> None:
    terms = '{"terms":{"bonus":null,"price":9000000,"sampling_unit":"box"}}'
    forger.append(forger.first(kind=Kind.session_changed), session_no=expired, facts=terms)
    assert f"opened at seq {expired}" in book.complaint()


def test_a_forged_description_names_the_session(book: Book, forger: Forger) -> None:
    forger.append(forger.first(kind=Kind.session_described), session_no=1, facts='{"harvestLotCode":"forged"}')
    assert "opened at seq 1: description" in book.complaint()


def test_a_description_whose_text_is_gone_is_named(book: Book, forger: Forger) -> None:
    digest = "00" * 16
    seq = forger.append(forger.first(kind=Kind.session_described), session_no=1, facts=f'{{"plateDigest":"{digest}"}}')
    assert f"the text of seq {seq} is gone" in book.complaint()


@alone_on(SQLITE, "PostgreSQL answers for its own files, with a checksum on every page")
def test_whichever_bit_of_the_file_flips_verify_finds_it_or_nothing_was_lost(book: Book) -> None:
    """At places spread over the whole file, indexes and all, as a worn disk would do it."""
    choose = random.Random(20251019)
    sound, file = _contents(book), book.path.read_bytes()
    found = 0
    for place in (choose.randrange(len(file)) for _ in range(BYTES_TRIED)):
        book.path.write_bytes(file[:place] + bytes([file[place] ^ 1 << choose.randrange(8)]) + file[place + 1 :])
        try:
            embedded.verify(book.data)
        except (HydrobitError, UnicodeDecodeError):  # SQLite's own sentence may quote a damaged name
            found += 1
        else:
            assert _contents(book) == sound, f"a flip at byte {place} went unseen"
        book.mend()
    assert found > BYTES_TRIED // 20


@alone_on(SQLITE, "PostgreSQL holds its own indexes against their tables, by pg_amcheck")
def test_a_key_that_the_index_lost_is_named(book: Book) -> None:
    """The table is as it was; only the look-up that keeps work from being counted twice would fail."""
    file = book.path.read_bytes()
    with book.opened() as hand:
        ((seq, root),) = hand.rows(
            "select e.seq, s.rootpage from entry as e, sqlite_master as s"
            " where e.company = 1 and e.idempotency_key = 'k2' and s.name = 'entry_key'"
        )
        ((size,),) = hand.rows("pragma page_size")
    place = file.index(b"k2", (root - 1) * size)
    assert place < root * size
    book.path.write_bytes(file[:place] + b"k9" + file[place + 2 :])
    assert f"company 1: seq {seq} is not found under its own key" in book.complaint()


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("update entry set units = units + 1 where company = 1 and seq = 2", "company 1: seq 2 does not fit the chain"),
        ("update head set units = units + 1 where company = 1", "company 1: the head does not fit after seq"),
        (
            "update session set closed_at = closed_at - 1 where company = 1 and session_no = 1",
            "opened at seq 1: closed_at",
        ),
    ],
    ids=["entry", "head", "session"],
)
def test_the_command_names_it_and_exits_with_1(book: Book, statement: str, sentence: str) -> None:
    book.change(statement)
    done = hydrobit("verify", "--data", book.data)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr


def _contents(book: Book) -> dict[str, list[tuple[Any, ...]]]:
    """All that verify answers for; what a held count says is not among it."""
    with book.opened() as hand:
        return {
            table: hand.rows(f"select * from {table} order by {', '.join(keys)}")
            for table, keys in KEYS.items()
            if table != "held"
        }
