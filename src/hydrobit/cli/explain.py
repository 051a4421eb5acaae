"""`explain`: what a worker's total of a day is made of, for the person who has to answer for it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import msgspec
from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.cli.common import Company, Data, company_number, now, opened, settings
from hydrobit.kit.amounts import amount_text
from hydrobit.ledger.entry import Source
from hydrobit.records import explain, showing
from hydrobit.records.explain import Day, Line
from hydrobit.storage.engine import Store
from hydrobit.wire import fields

if TYPE_CHECKING:
    from rich.table import Table

WIDTH_MIN = 200
"""Where nobody's terminal says how wide a line may be, none is folded that need not be."""


@app.command(name="explain")
def explain_day(
    worker: Annotated[str, Parameter(name="WORKER", help="Business id such as JS0315, or stored id.")],
    day: Annotated[str, Parameter(name="DAY", help="The local day of the sessions, such as 2025-10-19.")],
    *,
    company: Company,
    data: Data = None,
    as_json: Annotated[bool, Parameter(name="--json", help="One JSON object, as the operation answers.")] = False,
) -> None:
    """List every record, void and held count behind a worker's total of a day."""
    chosen = fields.day(day, "day")
    with opened(settings(data=data)) as store:
        found = whole_day(store, company_number(store, company), worker, chosen)
    if as_json:
        print(msgspec.json.encode(showing.explained(found, now())).decode())
        return
    _print(found)


def whole_day(store: Store, company: int, worker: str, day: str) -> Day:
    """All lines of a day, read page by page. Raises Refused for a worker of whom nothing is known."""
    page = store.read(explain.explain_day, company, worker, day, explain.START, explain.PAGE_MAX)
    lines = [*page.lines]
    while page.next is not None:
        page = store.read(explain.explain_day, company, worker, day, page.next, explain.PAGE_MAX)
        lines += page.lines
    return msgspec.structs.replace(page, lines=tuple(lines))


def _print(day: Day) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, WIDTH_MIN)
    console.print(Text(f"{' / '.join([day.worker_id, *day.names])}, {day.day}"))
    console.print(Text(explain.summary(day.totals)))
    if len(day.sessions) > 1:
        for session, totals in day.sessions:
            console.print(Text(f"  {session.sector_name}, session {session.session_id}: {explain.summary(totals)}"))
    if day.lines:
        console.print(_table(day.lines))


def _table(lines: Sequence[Line]) -> "Table":
    """Times are those of the sector's place; the day of a time is told where it is not the session's."""
    from rich.table import Table
    from rich.text import Text

    table = Table("recorded", "state", "units", "sum", "sector", "by", "from", "received", "id", "note")
    for line in lines:
        source, session = line.source, line.session
        device = [] if source.device_id is None else [source.device_id]
        number = [] if source.device_seq is None else [f"#{source.device_seq}"]
        cells = (
            _clock(source.recorded_at, session.timezone, session.day),
            line.state.value,
            amount_text(source.units),
            amount_text(line.running),
            session.sector_name,
            source.actor,
            " ".join([Source(source.source).name, *device, *number]),
            _clock(source.received_at, session.timezone, session.day),
            source.public_id,
            _note(line),
        )
        table.add_row(*map(Text, cells))
    for column in table.columns[2:4]:
        column.justify = "right"
    return table


def _clock(instant: int, timezone: str, day: str) -> str:
    local = datetime.fromtimestamp(instant / 1000, UTC).astimezone(ZoneInfo(timezone))
    return f"{local:%H:%M:%S}" if f"{local:%Y-%m-%d}" == day else f"{local:%Y-%m-%d %H:%M:%S}"


def _note(line: Line) -> str:
    """What else is known: why, of what, under which keys, and what was captured beside it."""
    source = line.source
    notes = [
        line.reason or "",
        f"undoes {line.void_of}" if line.void_of else "",
        f"undone by {line.voided_by}" if line.voided_by else "",
        f"event {source.client_event_id}" if source.client_event_id else "",
        f"key {source.idempotency_key}" if source.idempotency_key else "",
        *(f"repeated with key {claim.idempotency_key}" for claim in line.claims),
        line.evidence or "",
    ]
    return "; ".join(filter(None, notes))
