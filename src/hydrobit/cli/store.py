"""Commands that look after a store: operations, verify, backup, migrate, held."""

import inspect
import json
import sys
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from hydrobit.cli import app
from hydrobit.cli.common import Data, opened, settings
from hydrobit.errors import LedgerBroken
from hydrobit.kit.amounts import amount_text
from hydrobit.kit.clock import SystemClock
from hydrobit.kit.instants import write_instant
from hydrobit.records.store import HeldLine, held_after

HELD_PAGE = 1_000

held = cyclopts.App(name="held", help="Work that arrived after its session was closed.")
app.command(held)


@app.command
def operations() -> None:
    """List every operation: name, method, path, and where its handler stands."""
    from hydrobit import catalog

    rows = []
    for operation in catalog.OPERATIONS:
        file = Path(inspect.getsourcefile(operation.handler) or "").name
        folder = Path(inspect.getsourcefile(operation.handler) or "").parent.name
        line = inspect.getsourcelines(operation.handler)[1]
        rows.append((operation.name, operation.http.method, operation.http.path, f"{folder}/{file}:{line}"))
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@app.command
def openapi() -> None:
    """Print the OpenAPI document that is derived from the table of operations."""
    from importlib.metadata import version

    from hydrobit import catalog
    from hydrobit.publish.openapi import document

    json.dump(document(catalog.OPERATIONS, version("hydrobit")), sys.stdout, indent=2, ensure_ascii=False)
    print()


@app.command
def verify(*, data: Data = None) -> None:
    """Recompute every ledger: numbers, chain, sums and keys. Exit status 1 names the first bad entry."""
    from hydrobit.ledger.verify import verify_store

    with opened(data) as store, Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("entries", total=None)
        try:
            sound = store.read(verify_store, lambda entries: progress.advance(task, entries))
        except LedgerBroken as e:
            progress.stop()
            print(f"BROKEN: {e}", file=sys.stderr)
            sys.exit(1)
    for company in sound:
        print(f"company {company.company}: {company.entries} entries, {amount_text(company.units)} units: sound")
    print(f"{len(sound)} ledgers verified")


@app.command
def backup(
    target: Annotated[Path, Parameter(name="DIR", help="A directory that does not exist yet, or is empty.")],
    *,
    data: Data = None,
    with_keys: Annotated[bool, Parameter(help="Also copy the signing key; keep such a backup secret.")] = False,
) -> None:
    """Copy a data directory while the server runs. Restore by pointing --data at a copy of it."""
    from hydrobit.storage import directory

    chosen = settings(data=data)
    with opened(data) as store:
        directory.backup(store, chosen.data, target, with_keys=with_keys)
    print(f"backed up {chosen.data} to {target}")


@app.command
def migrate(*, data: Data = None) -> None:
    """Bring the store to this release's schema. A server does it at its start, too."""
    from hydrobit import app as house
    from hydrobit.storage import directory

    chosen = settings(data=data)
    directory.prepare(chosen.data)
    applied = house.bring_up(chosen, SystemClock())
    print(f"applied: {', '.join(applied)}" if applied else "the store is up to date")


@held.command(name="list")
def list_held(
    *,
    company: Annotated[str | None, Parameter(help="Only this company's.")] = None,
    data: Data = None,
    as_json: Annotated[bool, Parameter(name="--json", help="One JSON object a line.")] = False,
) -> None:
    """List what is held for review, oldest first."""
    lines: list[HeldLine] = []
    with opened(data) as store:
        place = (0, 0)
        while page := store.read(held_after, *place, company, HELD_PAGE):
            lines += page
            place = (page[-1].company, page[-1].held_number)
    if as_json:
        for line in lines:
            print(json.dumps(_held_row(line), ensure_ascii=False))
        return
    table = Table("heldId", "company", "session", "worker", "name", "units", "recorded", "received", "by")
    for line in lines:
        table.add_row(*(str(value) for value in _held_row(line).values()))
    Console().print(table if lines else "nothing is held")


def _held_row(line: HeldLine) -> dict[str, str]:
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
