"""Makes the stored dump of a schema, for the tests in tests/upgrade: `.venv/bin/python scripts/dump_schema.py 10`.

Run it before the next migration is added: the present program plays a day (tests/upgrade/day.py) through its API, and
its store and its answers are kept, as a dump of SQLite (`10.sqlite.sql`), one of pg_dump with the same rows
(`10.postgres.sql`), and `10.json`. With `--commit` an older program plays it, from a worktree that is removed again.

Nothing was released before schema 10, and several migrations came in one commit or were still changed later. So
the dumps of 1 to 9 hold the tables as the migrations up to theirs make them, and in them what two programs wrote:

    for each schema 1 to 7:  scripts/dump_schema.py SCHEMA --commit 7284033   (knew schemas 1 to 7)
    for 8 and 9:             scripts/dump_schema.py SCHEMA --commit b7bc502   (knew schemas 1 to 9)

of which each dump has the tables and columns that there were. No program had workers in PostgreSQL before schema 5,
and its migration says so: there the table is left empty.
"""

import argparse
import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import psycopg

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from hydrobit.demo import company as demo  # noqa: E402 - the folder of the tests is made known first
from hydrobit.storage import directory, stores  # noqa: E402
from hydrobit.storage.migrate import migrate, migrations  # noqa: E402
from hydrobit.storage.queries import POSTGRES, SQLITE  # noqa: E402
from tests import engines, postgres  # noqa: E402
from tests.upgrade import day  # noqa: E402

DUMPS = ROOT / "tests" / "upgrade" / "dumps"
START_S_MAX = 30
WRITTEN_BY_MIGRATIONS = ("compatibility", "migration")


def main() -> None:
    """Plays, copies the rows into the schema, dumps on both engines."""
    parsing = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parsing.add_argument("schema", type=int)
    parsing.add_argument("--commit", help="the program that plays; left out, this one")
    wanted = parsing.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        source = stack.enter_context(_program(wanted.commit, Path(scratch)))
        played = Path(scratch) / "played"
        answers = _play(source, played, wanted.schema)
        DUMPS.mkdir(exist_ok=True)
        _write(f"{wanted.schema}.json", json.dumps(answers, indent=1, ensure_ascii=False))
        file = played / directory.DATABASE
        made = Path(scratch) / "made"
        with closing(sqlite3.connect(_migrated(made, wanted.schema))) as target:
            _copy_sqlite(file, target)
            _write(f"{wanted.schema}.sqlite.sql", "\n".join(target.iterdump()))
        server = stack.enter_context(postgres.running())
        url = server.add_database()
        _copy_postgres(made / directory.DATABASE, url, wanted.schema)
        _write(f"{wanted.schema}.postgres.sql", _dumped(server, url))


def _write(name: str, text: str) -> None:
    (DUMPS / f"{name}.gz").write_bytes(gzip.compress(text.encode() + b"\n", mtime=0))


@contextmanager
def _program(commit: str | None, scratch: Path) -> Iterator[Path]:
    """The folder of a program's packages."""
    if commit is None:
        yield ROOT / "src"
        return
    tree = scratch / "program"
    subprocess.run(["git", "worktree", "add", "--detach", str(tree), commit], check=True, cwd=ROOT)
    try:
        yield tree / "src"
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", tree], check=True, cwd=ROOT)


def _play(source: Path, data: Path, schema: int) -> dict[str, object]:
    """Runs the program's own server on a new directory, and returns what it answers after the day."""
    variables = engines.clean_environment(data, PYTHONPATH=str(source))
    hydrobit = [sys.executable, "-m", "hydrobit"]
    server = subprocess.Popen(
        [*hydrobit, "serve", "--demo", "--port", "0", "--data", data], stdout=subprocess.PIPE, text=True, env=variables
    )
    assert server.stdout is not None
    try:
        address = server.stdout.readline().strip()
        token = [*hydrobit, "token", demo.ADMIN, "--data", str(data)]
        printed = subprocess.run(token, check=True, capture_output=True, text=True, env=variables).stdout.strip()
        headers = {"authorization": f"Bearer {printed}"}
        with httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=START_S_MAX) as client:
            known = day.play(client, schema)
            wanted = [path for path, since in day.readings(known).items() if since <= schema]
            return {"known": known, "answers": {path: day.read(client, path) for path in wanted}}
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(START_S_MAX)


def _migrated(data: Path, schema: int) -> Path:
    with closing(stores.open_store(engines.settings(directory.prepare(data)))) as store:
        store.write(migrate, 0, migrations(SQLITE)[:schema])
    return data / directory.DATABASE


def _copy_sqlite(source: Path, target: sqlite3.Connection) -> None:
    """The rows of the tables and columns that the target has."""
    target.execute("attach ? as played", (str(source),))
    for (table,) in target.execute(
        "select name from main.sqlite_schema where type = 'table' order by rootpage"
    ).fetchall():
        if table in WRITTEN_BY_MIGRATIONS:
            continue
        columns = ", ".join(row[1] for row in target.execute(f"pragma main.table_info({table})"))
        target.execute(f"insert into main.{table} ({columns}) select {columns} from played.{table}")
    target.commit()
    target.execute("detach played")


def _copy_postgres(source: Path, url: str, schema: int) -> None:
    with closing(stores.open_store(engines.settings(Path(os.devnull), database_url=url))) as store:
        store.write(migrate, 0, migrations(POSTGRES)[:schema])
    with closing(sqlite3.connect(source)) as rows, psycopg.connect(url) as target, target.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        tables = rows.execute("select name from sqlite_schema where type = 'table'").fetchall()
        for (table,) in tables:
            if table in WRITTEN_BY_MIGRATIONS or (table == "worker" and schema < 5):
                continue
            columns = [row[1] for row in rows.execute(f"pragma table_info({table})")]
            with cursor.copy(f"copy {table} ({', '.join(columns)}) from stdin") as copy:
                for row in rows.execute(f"select {', '.join(columns)} from {table}"):
                    copy.write_row(row)


def _dumped(server: postgres.Postgres, url: str) -> str:
    """What pg_dump says, without what is new in the release that made it."""
    words = [str(server.binaries / "pg_dump"), "--no-owner", "--no-privileges", "-d", url]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    newer = ("\\restrict", "\\unrestrict", "SET transaction_timeout")
    return "\n".join(line for line in text.splitlines() if not line.startswith(newer))


if __name__ == "__main__":
    main()
