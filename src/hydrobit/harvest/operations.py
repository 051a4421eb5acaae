"""The row of the harvest export."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from msgspec import UNSET

from hydrobit.errors import Code
from hydrobit.harvest import reading, service, shares
from hydrobit.harvest.reading import Wish
from hydrobit.harvest.service import Page
from hydrobit.harvest.shares import Share
from hydrobit.identity.store import Profile
from hydrobit.kit.amounts import write_amount
from hydrobit.kit.instants import write_day, write_instant
from hydrobit.ledger.read import WorkerSum
from hydrobit.operation import ANYONE, Call, Context, Http, Operation, Parameter, Repeat, Reply, Scope
from hydrobit.projects.store import NamedSector
from hydrobit.sessions.service import SessionView
from hydrobit.wire.days import DAY_SCHEMA
from hydrobit.wire.envelope import encode
from hydrobit.wire.harvest import HarvestEnvelope, HarvestSession, HarvestWorker, QualityShare, Responsible

Sectors = dict[str, NamedSector]
PAUSE_S_MAX = 0.05
"""The pause after a page is as long as the page took, at most so long."""


async def get_harvest(context: Context, call: Call) -> Reply:
    wish = reading.wish(call.query)
    sectors = await context.engine.read(service.known_sectors, call.caller.company, wish)
    first = await context.engine.read(service.page, call.caller.company, wish, service.BEGINNING)
    return Reply(200, None, _parts(context, call, wish, sectors, first))


async def _parts(context: Context, call: Call, wish: Wish, sectors: Sectors, page: Page) -> AsyncIterator[bytes]:
    """The answer, a page of sessions at a time. After each page others have a pause to themselves, so that all exports
    together take at most half of the server.
    """
    loop, before = asyncio.get_running_loop(), b'{"status":"success","data":['
    written = await _written(page, sectors, call.now)
    while written:
        yield before + written
        before = b","
        if page.next is None:
            break
        async with context.long_reads:
            begun = loop.time()
            page = await context.engine.read(service.page, call.caller.company, wish, page.next)
            written = await _written(page, sectors, call.now)
            await asyncio.sleep(min(loop.time() - begun, PAUSE_S_MAX))
    yield (b"" if before == b"," else before) + b"]}"


async def _written(page: Page, sectors: Sectors, now: int) -> bytes:
    """A page as JSON; between two sessions others have their turn."""
    sessions = []
    for view in page.views:
        sessions.append(encode(_session(view, page.people, sectors, now)))
        await asyncio.sleep(0)
    return b",".join(sessions)


def _session(view: SessionView, people: dict[str, Profile], sectors: Sectors, now: int) -> HarvestSession:
    session, told, closed_at = view.session, view.description, view.session.ended_at(now)
    sector, is_open, workers = sectors.get(session.sector_id), closed_at is None, view.workers or ()
    of_workers = shares.of_workers(told.qualities or ())
    return HarvestSession(
        sessionId=session.session_id,
        localId=session.local_id or UNSET,
        projectId=session.project_id,
        sectorId=session.sector_id,
        sector_name=session.sector_name,
        crop=(sector and sector.crop) or UNSET,
        variety=(sector and sector.variety) or UNSET,
        day=write_day(session.day),
        openedAt=write_instant(session.opened_at),
        closedAt=None if closed_at is None else write_instant(closed_at),
        createdAt=write_instant(session.opened_received_at),
        status="open" if is_open else "closed",
        closedBy=None if is_open else session.shown_closed_by,
        closedReason=None if is_open else session.shown_closed_reason,
        timezone=session.timezone,
        unit=view.terms.sampling_unit,
        maxDurationHours=session.max_duration_hours,
        harvestUnitId=told.unit_id or UNSET,
        harvestLotCode=told.lot_code or UNSET,
        workerCount=len(workers),
        notes=view.notes or UNSET,
        finalNotes=view.final_notes or UNSET,
        license_plate=told.license_plate or UNSET,
        driver_name=told.driver_name or UNSET,
        totalUnits=write_amount(view.total),
        needsRecalc=False,
        qualityBreakdownAt=UNSET if told.qualities_at is None else write_instant(told.qualities_at),
        responsible=_responsible(session.opened_by, people.get(session.opened_by)),
        qualityBreakdown=_shares(shares.of_session(told.qualities or ())),
        workers=[_worker(worker, of_workers.get(worker.worker_id, ())) for worker in workers],
    )


def _worker(worker: WorkerSum, qualities: Sequence[Share]) -> HarvestWorker:
    """Valid and net units are the same until a late record or an adjustment is booked, which nothing does yet."""
    units = write_amount(worker.units)
    return HarvestWorker(
        workerId=worker.worker_id,
        worker_name=worker.last_name or UNSET,
        validUnits=units,
        netUnits=units,
        recordCount=worker.records,
        voidedCount=worker.voids,
        qualityBreakdown=_shares(qualities) if qualities else [],
    )


def _responsible(user_id: str, profile: Profile | None) -> Responsible:
    if profile is None:
        return Responsible(auth0Id=user_id)
    return Responsible(auth0Id=user_id, name=profile.name, email=profile.email or UNSET, role=profile.role.value)


def _shares(found: Sequence[Share]) -> list[QualityShare]:
    return [
        QualityShare(
            qualityId=share.quality_id,
            qualityName=share.name,
            units=write_amount(share.units),
            percent=write_amount(share.percent),
        )
        for share in found
    ]


OPERATIONS = (
    Operation(
        name="getHarvest",
        tag="Harvest",
        summary="Sessions of a span of days, with each worker's share",
        description=(
            "The sessions of the caller's company in a span of local days, at most 180, in the order of their days, "
            "with sums per worker and per quality. Project and sector narrow the answer, disabled ones too. The answer "
            "is sent while it is made; each session's figures are of one moment."
        ),
        http=Http("GET", "/api/control/harvest", {200: "The sessions."}),
        handler=get_harvest,
        answer=HarvestEnvelope,
        roles=ANYONE,
        scope=Scope.read_production,
        repeat=Repeat.reads,
        errors=(Code.not_of_company,),
        parameters=(
            Parameter("startTime", "query", True, "2026-06-01", "First day.", DAY_SCHEMA),
            Parameter("endTime", "query", True, "2026-06-15", "Last day, included.", DAY_SCHEMA),
            Parameter("projectId", "query", False, "proj_123", "Keep only this project."),
            Parameter("sectorId", "query", False, "sector_001", "Keep only this sector."),
        ),
    ),
)
