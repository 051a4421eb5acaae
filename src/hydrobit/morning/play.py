"""The demo morning, played through the public API and checked against its plan."""

from decimal import Decimal

from rich.table import Table

from hydrobit.demo.company import CREW
from hydrobit.kit.instants import read_instant
from hydrobit.morning.api import SECTOR, Api, DemoFailed, Json
from hydrobit.morning.plan import Plan, Sum, plan
from hydrobit.morning.telling import Teller

MORNING = "demo-morning-"
"""How the localId of a morning's session begins; the day follows."""
PLAYED = "The demo morning: counted, and its sums checked."
"""The session's note, written last: where it is missing, the morning was interrupted."""


def is_unfinished(session: Json) -> bool:
    """Whether a morning was begun in the session and never came to its end."""
    return str(session.get("localId", "")).startswith(MORNING) and "notes" not in session


async def play(api: Api, session: Json, tell: Teller) -> None:
    """Plays the morning in the session. It may run again after an interruption: what was done is only repeated.

    Raises DemoFailed when an answer or a sum is not what it must be.
    """
    session_id, morning = session["sessionId"], plan(read_instant(session["openedAt"]))
    tell.say(f"A harvest morning in {SECTOR}, through the public API:")
    tell.say(f"  a session for a crew of {len(CREW)}, paid {session['pricePerUnit']} a {session['samplingUnit']}")
    ids = await _record_one_by_one(api, session_id, morning, tell)
    await _repeat(api, session_id, morning, ids, tell)
    await _come_back_online(api, session_id, morning, tell)
    for count, reason in morning.voids:
        await api.void(ids[count.client_event_id], reason)
    tell.say(f"  {len(morning.voids)} mistakes are voided, each by an opposite record; nothing is changed or deleted")
    counted = await api.session(session_id)
    tell.say()
    tell.show(_table(counted))
    _check(counted, morning.sums())
    tell.say("These sums are the ledger's, and the same that the morning counted by itself.")
    await api.note(session_id, PLAYED)


async def _record_one_by_one(api: Api, session_id: str, morning: Plan, tell: Teller) -> dict[str, str]:
    """The ids of the records by their event."""
    ids = {}
    new = 0
    with tell.counting("records", len(morning.counts)) as count_one:
        for count in morning.counts:
            ids[count.client_event_id], is_new = await api.record(session_id, count)
            new += is_new
            count_one()
    if new < len(ids):
        tell.say(f"  {len(ids) - new} of them stood there already, from a start that was interrupted")
    return ids


async def _repeat(api: Api, session_id: str, morning: Plan, ids: dict[str, str], tell: Teller) -> None:
    for count in morning.repeats:
        answer = await api.record(session_id, count)
        if answer != (ids[count.client_event_id], False):
            raise DemoFailed(f"the event {count.client_event_id} was sent twice and counted twice")
    tell.say(
        f"  {len(morning.repeats)} of them are sent again: each answer names the first record, and none counts twice"
    )


async def _come_back_online(api: Api, session_id: str, morning: Plan, tell: Teller) -> None:
    summary = await api.record_many(session_id, morning.offline)
    if summary["failed"] or summary["ok"] > morning.offline_new:
        raise DemoFailed(f"the list of the offline phone was answered with {summary}")
    tell.say(
        f"  a phone that was offline hands in {len(morning.offline)} at once: "
        f"{summary['ok']} new, {summary['duplicated']} known already"
    )


def _check(session: Json, expected: dict[str, Sum]) -> None:
    """Holds the ledger's sums against the plan's. Raises DemoFailed naming the first worker that differs."""
    found = {
        worker["workerId"]: Sum(worker["units"], worker["recordCount"], worker["voidedCount"])
        for worker in session["workers"]
    }
    for worker_id in sorted(found.keys() | expected.keys()):
        if found.get(worker_id) != expected.get(worker_id):
            raise DemoFailed(
                f"{worker_id} has {found.get(worker_id)}, the morning counted {expected.get(worker_id)}; "
                "if somebody else recorded into this session, begin anew with another --data"
            )


def _table(session: Json) -> Table:
    price = session["pricePerUnit"]
    table = Table("worker", "name", show_footer=True)
    for title in ("records", "voided", "boxes", "pay"):
        table.add_column(title, justify="right")
    for worker in session["workers"]:
        table.add_row(
            worker["workerId"],
            ", ".join(worker["names"]),
            str(worker["recordCount"]),
            str(worker["voidedCount"]),
            str(worker["units"]),
            _money(worker["units"] * price),
        )
    for column, text in zip(table.columns, _totals(session), strict=True):
        column.footer = text
    return table


def _totals(session: Json) -> tuple[str, ...]:
    workers = session["workers"]
    return (
        "all",
        "",
        str(sum(worker["recordCount"] for worker in workers)),
        str(sum(worker["voidedCount"] for worker in workers)),
        str(session["totalUnits"]),
        _money(session["totalUnits"] * session["pricePerUnit"]),
    )


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"
