"""The bare store: the very rows that ours wrote, written again by `executemany` into the same tables.

`python -m bench.peers.raw SOURCE TARGET ROWS SECONDS` takes the counts of the ledger in SOURCE, in their order, and
inserts them into the empty store TARGET, ROWS in a transaction, each with the head's update and a durable commit.
The rows are prepared outside the clock, and written by the statement that ours uses for the usual count, which leaves
its empty columns out. It prints records/s.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydrobit.ledger.entry import Kind
from hydrobit.ledger.store import sql
from hydrobit.storage.sqlite import configure_writer, connect

Row = tuple[object, ...]


def write_again(source: Path, target: Path, rows_per_transaction: int, seconds: float) -> float:
    """Records/s of the transactions alone, for at most so many seconds or until the source has no more."""
    reader = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
    writer = _open_like_ours(target)
    _copy_all_but_counts(reader, writer, source)
    columns = sql.insert_plain_entry.names
    seq, units, link, company = (columns.index(name) for name in ("seq", "units", "hash", "company"))
    written, spent = 0, 0.0
    for rows in _counts(reader, columns, rows_per_transaction):
        head = (rows[-1][seq], rows[-1][units], rows[-1][link], rows[-1][company])
        begun = time.perf_counter()
        _write(writer, rows, head)
        spent += time.perf_counter() - begun
        written += len(rows)
        if spent >= seconds:
            break
    writer.close()
    reader.close()
    return written / spent


def _open_like_ours(path: Path) -> sqlite3.Connection:
    connection = connect(path, busy_ms_max=1_000)
    configure_writer(connection, checkpoints=True)
    return connection


def _copy_all_but_counts(reader: sqlite3.Connection, writer: sqlite3.Connection, source: Path) -> None:
    """The same tables and indexes, with everything in them but the counts: companies, heads, names, sessions."""
    schema = reader.execute("select type, name, sql from sqlite_master where sql is not null order by rowid").fetchall()
    writer.execute("pragma foreign_keys = off")
    writer.execute("attach ? as source", (str(source),))
    for _, _, statement in schema:
        writer.execute(statement)
    for table in (name for kind, name, _ in schema if kind == "table"):
        only = f"where kind <> {int(Kind.record)}" if table == "entry" else ""
        writer.execute(f"insert into main.{table} select * from source.{table} {only}")
    writer.execute("detach source")
    writer.execute("pragma foreign_keys = on")


def _counts(reader: sqlite3.Connection, columns: Sequence[str], size: int) -> Iterator[list[Row]]:
    """Full batches only: a last, smaller one would be another measurement."""
    every = reader.execute(
        f"select {', '.join(columns)} from entry where kind = ? order by entry_id", (int(Kind.record),)
    )
    while len(rows := every.fetchmany(size)) == size:
        yield rows


def _write(writer: sqlite3.Connection, rows: Sequence[Row], head: Row) -> None:
    writer.execute("begin immediate")
    writer.executemany(sql.insert_plain_entry.text, rows)
    writer.execute("update head set seq = ?, units = units + ?, hash = ? where company = ?", head)
    writer.execute("commit")


if __name__ == "__main__":
    _, source, target, rows, seconds = sys.argv
    print(write_again(Path(source), Path(target), int(rows), float(seconds)))
