"""Commands that look after a store: operations, verify, backup, migrate, held."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import cyclopts
from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.cli.common import AsJson, Data, opened, print_rows, settings
from hydrobit.errors import LedgerBroken, StoreError
from hydrobit.kit.amounts import amount_text
from hydrobit.kit.clock import SystemClock
from hydrobit.kit.instants import write_instant
from hydrobit.ledger import verify as ledger
from hydrobit.ledger.verify import Verified
from hydrobit.records.store import HeldLine, held_after
from hydrobit.records.verify import verify_held
from hydrobit.sessions.verify import verify_sessions
from hydrobit.storage.engine import Store, Transaction
from hydrobit.storage.sqlite import SqliteStore

HELD_PAGE = 1_000

held = cyclopts.App(name="held", help="Work that arrived after its session was closed.")
app.command(held)


@app.command
def operations() -> None:
    """List every operation: name, method, path, topic over MQTT, and where its handler stands."""
    from hydrobit import catalog

    rows = []
    for operation in catalog.OPERATIONS:
        file, line = Path(inspect.getfile(operation.handler)), inspect.getsourcelines(operation.handler)[1]
        place = f"{file.parent.name}/{file.name}:{line}"
        rows.append((operation.name, operation.http.method, operation.http.path, operation.topic or "-", place))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@app.command
def openapi() -> None:
    """Print the OpenAPI document that is derived from the table of operations."""
    from importlib.metadata import version

    from hydrobit import catalog
    from hydrobit.publish.openapi import document, text

    print(text(document(catalog.OPERATIONS, version("hydrobit"))), end="")


@app.command
def asyncapi() -> None:
    """Print the AsyncAPI document of messages over MQTT, derived from the same table."""
    from importlib.metadata import version

    from hydrobit import catalog
    from hydrobit.publish.asyncapi import document
    from hydrobit.publish.openapi import text

    print(text(document(catalog.OPERATIONS, settings(), version("hydrobit"))), end="")


@app.command
def verify(*, data: Data = None) -> None:
    """Recompute every ledger: numbers, chain, sums and keys. Exit status 1 names the first bad entry."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with (
        opened(settings(data=data)) as store,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("entries", total=None)
        try:
            sound = verify_everything(store, lambda entries: progress.advance(task, entries))
        except LedgerBroken as e:
            progress.stop()
            print(f"BROKEN: {e}", file=sys.stderr)
            sys.exit(1)
    for company in sound:
        print(f"company {company.company}: {company.entries} entries, {amount_text(company.units)} units: sound")
        print(f"  head {company.head.hex()}")
    print(f"{len(sound)} ledgers verified")


def verify_everything(store: Store, progress: Callable[[int], None] = lambda entries: None) -> list[Verified]:
    """The ledgers, then the file's own indexes, then what stands beside the ledgers. Raises LedgerBroken."""
    sound = store.read(ledger.verify_store, progress)
    fault = store.fault()
    if fault is not None:
        raise LedgerBroken(f"{_damaged_entry(store) or 'the file is damaged'}: {fault}")
    for company in sound:
        store.read(_verify_beside, company.company)
    return sound


def _damaged_entry(store: Store) -> str | None:
    """The entry that a damage of the file hides, where the file can still be read so far."""
    try:
        return store.read(ledger.unfound_entry)
    except StoreError:
        return None


def _verify_beside(tx: Transaction, company: int) -> None:
    ledger.verify_keys(tx, company)
    ledger.verify_texts(tx, company)
    verify_sessions(tx, company)
    verify_held(tx, company)


@app.command
def backup(
    target: Annotated[Path, Parameter(name="DIR", help="A directory that does not exist yet, or is empty.")],
    *,
    data: Data = None,
    with_keys: Annotated[
        bool, Parameter(help="Also copy the keys of tokens and links; keep such a backup secret.")
    ] = False,
) -> None:
    """Copy a data directory while the server runs, photos too. Restore by pointing --data at a copy of it."""
    from hydrobit.objects import service as objects
    from hydrobit.storage import directory

    chosen = settings(data=data)
    keys = (directory.signing_key(chosen), directory.links_key(chosen))
    with opened(chosen) as store:
        if not isinstance(store, SqliteStore):
            raise StoreError(
                "the store is a PostgreSQL database: keep it with pg_dump, or continuously with pg_basebackup and its "
                "WAL, and the folders of the keys and of the photos beside it; after a restore run "
                "`hydrobit migrate --restored` once"
            )
        if with_keys and not keys[0].exists():
            raise StoreError(f"there is no signing key at {keys[0]} yet; leave --with-keys out")
        named = None if chosen.objects_url else objects.named_after
        missing = directory.backup(store, chosen.data, target, keys=keys if with_keys else (), named=named)
    for place in missing:
        print(f"hydrobit: {place} is named but not in {chosen.data / directory.OBJECTS}", file=sys.stderr)
    print(f"backed up {chosen.data} to {target}")
    if chosen.objects_url:
        print("photos and media are not in it: they stay in the bucket that HYDROBIT_OBJECTS_URL names")


@app.command
def migrate(
    *,
    data: Data = None,
    restored: Annotated[
        bool, Parameter(negative=(), help="The database was restored by other means than a copy of a backup.")
    ] = False,
    moved_objects: Annotated[
        bool, Parameter(negative=(), help="All photos and media of the database were copied to where they are to be.")
    ] = False,
) -> None:
    """Bring the store to this release's schema. A server does it at its start, too."""
    from hydrobit import app as house
    from hydrobit.storage import agreement, directory

    chosen = settings(data=data)
    applied = house.bring_up(chosen, SystemClock())
    if restored:
        with opened(chosen) as store:
            store.write(directory.mark_backup)
            store.write(agreement.forget)
        print("the next start begins a new life: no id that was given before the restore is given again")
    if moved_objects:
        with opened(chosen) as store:
            store.write(agreement.forget_objects)
        print(
            "the next node that starts says where photos and media are; start each with the same HYDROBIT_OBJECTS_URL"
        )
    print(f"applied: {', '.join(applied)}" if applied else "the store is up to date")


@held.command(name="list")
def list_held(
    *,
    company: Annotated[str | None, Parameter(help="Only this company's.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List what is held for review, oldest first."""
    lines: list[HeldLine] = []
    with opened(settings(data=data)) as store:
        place = (0, 0)
        while page := store.read(held_after, *place, company, HELD_PAGE):
            lines += page
            place = (page[-1].company, page[-1].held_number)
    print_rows(map(_held_row, lines), as_json, "nothing is held")


def _held_row(line: HeldLine) -> dict[str, Any]:
    return {
        "heldId": line.public_id,
        "companyId": line.company_id,
        "sessionId": line.session_id,
        "workerId": line.worker_id,
        "worker_name": line.worker_name,
        "units": amount_text(line.units),
        "recordedAtUtc": write_instant(line.recorded_at),
        "receivedAtUtc": write_instant(line.received_at),
        "auth0Id": line.actor,
    }
