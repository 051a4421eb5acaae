"""The bare store on PostgreSQL: the very rows that ours wrote, written again into the same tables.

`python -m bench.peers.raw_postgres SOURCE TARGET executemany|copy ROWS SECONDS` takes the counts of the ledger in the
database SOURCE, in their order, and inserts them into TARGET, a copy of it, ROWS in a transaction, each with the head's
update and a durable commit. The rows are prepared outside the clock. It prints records/s.

`executemany` is what the raw store on SQLite does too, and what a team would write: psycopg sends it as one pipeline.
`copy` is the fastest way that PostgreSQL has, with psycopg's own rows.
"""

import sys
import time
from collections.abc import Iterator, Sequence

import psycopg

from hydrobit.ledger.entry import Kind
from hydrobit.ledger.store import sql

Row = tuple[object, ...]


def write_again(source: str, target: str, statement: str, rows_per_transaction: int, seconds: float) -> float:
    """Records/s of the transactions alone, for at most so many seconds or until the source has no more."""
    columns = sql.insert_plain_entry.names
    seq, units, link, company = (columns.index(name) for name in ("seq", "units", "hash", "company"))
    written, spent = 0, 0.0
    with psycopg.connect(source) as reader, psycopg.connect(target, autocommit=True) as writer:
        writer.execute("delete from entry where kind = %s", (int(Kind.record),))
        writer.execute("vacuum (full, analyze) entry")
        for rows in _counts(reader, columns, rows_per_transaction):
            head = (rows[-1][seq], rows[-1][units], rows[-1][link], rows[-1][company])
            begun = time.perf_counter()
            with writer.transaction(), writer.cursor() as cursor:
                _insert(cursor, statement, columns, rows)
                cursor.execute("update head set seq = %s, units = units + %s, hash = %s where company = %s", head)
            spent += time.perf_counter() - begun
            written += len(rows)
            if spent >= seconds:
                break
    return written / spent


def _insert(cursor: "psycopg.Cursor[Row]", statement: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    names = ", ".join(columns)
    if statement == "executemany":
        marks = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"insert into entry ({names}) values ({marks})", rows)
        return
    with cursor.copy(f"copy entry ({names}) from stdin") as copy:
        for row in rows:
            copy.write_row(row)


def _counts(reader: "psycopg.Connection[Row]", columns: Sequence[str], size: int) -> Iterator[list[Row]]:
    """Full batches only: a last, smaller one would be another measurement."""
    with reader.cursor("counts") as every:
        every.itersize = size
        every.execute(f"select {', '.join(columns)} from entry where kind = %s order by entry_id", (int(Kind.record),))
        while len(rows := every.fetchmany(size)) == size:
            yield rows


if __name__ == "__main__":
    _, source, target, statement, rows, seconds = sys.argv
    print(write_again(source, target, statement, int(rows), float(seconds)))
