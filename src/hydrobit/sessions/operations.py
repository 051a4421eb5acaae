"""The rows of the production sessions, and the job that writes what time has closed."""

from msgspec import UNSET

from hydrobit.errors import Code
from hydrobit.job import Job
from hydrobit.kit import canonical, instants
from hydrobit.kit.amounts import write_amount
from hydrobit.kit.instants import write_instant
from hydrobit.ledger.read import WorkerSum
from hydrobit.operation import (
    ANYONE,
    PAGING,
    WRITERS,
    Call,
    Context,
    Http,
    Operation,
    Parameter,
    Repeat,
    Reply,
)
from hydrobit.projects import reading as defaults
from hydrobit.projects.store import Bonus as StoredBonus
from hydrobit.sessions import reading, service
from hydrobit.sessions.description import Quality
from hydrobit.sessions.service import SessionView
from hydrobit.wire import fields
from hydrobit.wire.body import Body
from hydrobit.wire.envelope import encoded
from hydrobit.wire.sessions import (
    Bonus,
    QualityUnits,
    Session,
    SessionChange,
    SessionClose,
    SessionClosed,
    SessionClosedEnvelope,
    SessionEnvelope,
    SessionExtended,
    SessionExtendedEnvelope,
    SessionExtension,
    SessionInput,
    SessionPage,
    SessionPageEnvelope,
    SessionUpdated,
    SessionUpdatedEnvelope,
    WorkerUnits,
)


async def open_session(context: Context, call: Call) -> Reply:
    opening = reading.opening(call.body, call.now, context.settings.clock_ahead_hours_max)
    view, is_new = await context.engine.write(
        service.open_session, call.caller, opening, call.source, call.now, context.random(canonical.SALT_BYTES)
    )
    return Reply(201 if is_new else 200, SessionEnvelope(data=_session(call, view), ignored=call.ignored_or_unset))


async def list_sessions(context: Context, call: Call) -> Reply:
    page, page_size = call.page
    total, views = await context.engine.read(
        service.list_sessions, call.caller, _day(call), call.query.get("status"), call.now, page, page_size
    )
    items = [_session(call, view) for view in views]
    return Reply(200, SessionPageEnvelope(data=SessionPage(total=total, page=page, pageSize=page_size, items=items)))


async def read_session(context: Context, call: Call) -> Reply:
    view = await context.engine.read(service.read_session, call.caller, call.path["sessionId"])
    return Reply(200, await encoded(len(view.workers or ()), lambda: SessionEnvelope(data=_session(call, view))))


async def change_session(context: Context, call: Call) -> Reply:
    change = reading.change(call.body, call.ignored)
    await context.engine.write(
        service.change_session,
        call.caller,
        call.path["sessionId"],
        change,
        call.source,
        call.now,
        _salts(context),
    )
    return Reply(200, SessionUpdatedEnvelope(data=SessionUpdated(updated=True), ignored=call.ignored_or_unset))


async def extend_session(context: Context, call: Call) -> Reply:
    hours = await context.engine.write(
        service.extend_session,
        call.caller,
        call.path["sessionId"],
        defaults.hours(call.body.maxDurationHours),
        call.source,
        call.now,
    )
    data = SessionExtended(maxDurationHours=hours)
    return Reply(200, SessionExtendedEnvelope(data=data, ignored=call.ignored_or_unset))


async def close_session(context: Context, call: Call) -> Reply:
    notes = fields.optional_text(call.body.notes, "notes", fields.NOTE_LENGTH_MAX)
    view = await context.engine.write(
        service.close_session,
        call.caller,
        call.path["sessionId"],
        notes,
        reading.description(call.body),
        call.source,
        call.now,
        _salts(context),
    )
    return Reply(200, await encoded(len(view.workers or ()), lambda: _closed(call, view)))


async def close_expired(context: Context) -> int:
    """One session a transaction: many end at the same time, and none of them may hold the writer for all."""
    written, now = 0, context.clock.now()
    while await context.engine.write(service.close_one_expired, now):
        written += 1
    return written


def _salts(context: Context) -> service.Salts:
    of_notes, of_plate, of_driver = (context.random(canonical.SALT_BYTES) for _ in range(3))
    return of_notes, of_plate, of_driver


def _closed(call: Call, view: SessionView) -> SessionClosedEnvelope:
    closed_at = view.session.ended_at(call.now)
    assert closed_at is not None, "a close was written"
    data = SessionClosed(
        sessionId=view.session.session_id,
        status="closed",
        closedAt=write_instant(closed_at),
        totalUnits=write_amount(view.total),
        heldCount=view.held_count,
        workers=_workers(view.workers or ()),
    )
    return SessionClosedEnvelope(data=data, ignored=call.ignored_or_unset)


def _session(call: Call, view: SessionView) -> Session:
    session, closed_at = view.session, view.session.ended_at(call.now)
    told = view.description
    is_open = closed_at is None
    return Session(
        sessionId=session.session_id,
        companyId=call.caller.company_id,
        projectId=session.project_id,
        auth0Id=session.opened_by,
        sectorId=session.sector_id,
        sector_name=session.sector_name,
        timezone=session.timezone,
        day=instants.write_day(session.day),
        status="open" if is_open else "closed",
        openedAt=write_instant(session.opened_at),
        closedAt=None if closed_at is None else write_instant(closed_at),
        maxDurationHours=session.max_duration_hours,
        samplingUnit=view.terms.sampling_unit,
        pricePerUnit=write_amount(view.terms.price),
        bonus=_bonus(view.terms.bonus) if view.terms.bonus else UNSET,
        totalUnits=write_amount(view.total),
        notes=view.notes or UNSET,
        finalNotes=view.final_notes or UNSET,
        localId=session.local_id or UNSET,
        expiresAt=write_instant(session.expires_at),
        closedBy=UNSET if is_open else session.shown_closed_by,
        closedReason=UNSET if is_open else session.shown_closed_reason,  # type: ignore[arg-type]
        heldCount=view.held_count,
        workers=UNSET if view.workers is None else _workers(view.workers),
        harvestUnitId=told.unit_id or UNSET,
        harvestLotCode=told.lot_code or UNSET,
        license_plate=told.license_plate or UNSET,
        driver_name=told.driver_name or UNSET,
        qualityBreakdown=UNSET if told.qualities is None else list(map(_quality, told.qualities)),
        qualityBreakdownAt=UNSET if told.qualities_at is None else write_instant(told.qualities_at),
    )


def _quality(quality: Quality) -> QualityUnits:
    return QualityUnits(
        qualityId=quality.quality_id,
        qualityName=quality.name,
        units=write_amount(quality.units),
        workerId=quality.worker_id or UNSET,
    )


def _bonus(bonus: StoredBonus) -> Bonus:
    return Bonus(type=bonus.type, value=write_amount(bonus.value), note=bonus.note or UNSET)  # type: ignore[arg-type]


def _workers(sums: tuple[WorkerSum, ...]) -> list[WorkerUnits]:
    return [
        WorkerUnits(
            workerId=worker.worker_id,
            names=list(worker.names),
            units=write_amount(worker.units),
            recordCount=worker.records,
            voidedCount=worker.voids,
        )
        for worker in sums
    ]


def _day(call: Call) -> str | None:
    day = call.query.get("day")
    return None if day is None else fields.day(day, "day")


TAG = "Production Sessions"
PATH = "/api/control/production/sessions"
SESSION_ID = Parameter("sessionId", "path", True, "6507f1e3c9d8e2a4b1f9c3d5")
OWNER_ERRORS = (Code.session_not_found, Code.not_owner)
_BASIC = {
    "auth0Id": "user_123456789",
    "projectId": "proj_123",
    "openedAt": "2025-10-19T08:00:00.000Z",
    "sectorId": "sector_001",
    "sector_name": "Lote A-1",
}
_FULL = _BASIC | {
    "samplingUnit": "box",
    "pricePerUnit": 5.5,
    "bonus": {"type": "percent", "value": 10, "note": "High quality bonus"},
    "maxDurationHours": 12,
    "notes": "Good weather today",
}
_OPENED = {
    "sessionId": "6507f1e3c9d8e2a4b1f9c3d5",
    "companyId": "comp_12345",
    "projectId": "proj_123",
    "auth0Id": "user_123456789",
    "sectorId": "sector_001",
    "sector_name": "Lote A-1",
    "timezone": "America/Mexico_City",
    "day": "2025-10-19T00:00:00.000Z",
    "status": "open",
    "openedAt": "2025-10-19T08:00:00.000Z",
    "closedAt": None,
    "maxDurationHours": 12,
}

OPERATIONS = (
    Operation(
        name="createProductionSession",
        tag=TAG,
        summary="Open a session",
        description=(
            "Opens a day's session for one project and one sector. The company comes from the caller, the zone from "
            "the project; the opening instant is turned into a day in that zone. At most one open session may exist "
            "for a company, project, day and sector together. What is left out is taken from the project."
        ),
        http=Http("POST", PATH, {200: "The session that this `localId` opened before.", 201: "Opened."}),
        handler=open_session,
        request=Body(SessionInput),
        answer=SessionEnvelope,
        roles=WRITERS,
        repeat=Repeat.by_local_id,
        errors=(
            Code.project_not_found,
            Code.sector_not_found,
            Code.session_already_open,
            Code.idempotency_conflict,
            Code.clock_ahead,
        ),
        request_examples={"basicSession": _BASIC, "fullSession": _FULL},
        answer_examples={201: {"status": "success", "data": _OPENED}},
    ),
    Operation(
        name="listProductionSessions",
        tag=TAG,
        summary="List the caller's own sessions",
        description="Lets a replacement phone find its session: the caller's own, latest day first.",
        http=Http("GET", PATH, {200: "One page."}),
        handler=list_sessions,
        answer=SessionPageEnvelope,
        roles=ANYONE,
        repeat=Repeat.reads,
        errors=(),
        parameters=(
            Parameter("auth0Id", "query", False, "user_123456789", "If sent, it has to be the caller."),
            Parameter(
                "day", "query", False, "2025-10-19", "Keep only this local day.", {"type": "string", "format": "date"}
            ),
            Parameter(
                "status",
                "query",
                False,
                "open",
                "Keep only this status.",
                {"type": "string", "enum": ["open", "closed"]},
            ),
            *PAGING,
        ),
    ),
    Operation(
        name="getProductionSession",
        tag=TAG,
        summary="Read a session",
        description="Only the user who opened the session may read it. The sums per worker stand beside it.",
        http=Http("GET", PATH + "/{sessionId}", {200: "The session."}),
        handler=read_session,
        answer=SessionEnvelope,
        roles=ANYONE,
        repeat=Repeat.reads,
        errors=OWNER_ERRORS,
        parameters=(SESSION_ID,),
    ),
    Operation(
        name="updateProductionSession",
        tag=TAG,
        summary="Change a session's details",
        description=(
            "Changes unit, price, bonus or notes. Owner only, and only while the session is open. A changed price "
            "values the whole session; every change is kept. What describes the harvest (harvestUnitId, "
            "harvestLotCode, license_plate, driver_name, qualityBreakdown) may be sent after the close, too."
        ),
        http=Http("PATCH", PATH + "/{sessionId}", {200: "Changed."}),
        handler=change_session,
        request=Body(SessionChange),
        request_examples={"price": {"auth0Id": "user_123456789", "pricePerUnit": 6, "notes": "Updated notes"}},
        answer=SessionUpdatedEnvelope,
        roles=WRITERS,
        repeat=Repeat.by_state,
        errors=(*OWNER_ERRORS, Code.session_closed, Code.unchangeable_field, Code.nothing_to_change),
        parameters=(SESSION_ID,),
    ),
    Operation(
        name="closeProductionSession",
        tag=TAG,
        summary="Close a session",
        description=(
            "Ends an open session and answers with its totals; owner only. Once it is answered, nothing more enters "
            "the session. After an expiry it answers with the totals too. What describes the harvest may come along."
        ),
        http=Http("POST", PATH + "/{sessionId}/close", {200: "Closed."}, body_required=False),
        handler=close_session,
        request=Body(SessionClose),
        answer=SessionClosedEnvelope,
        roles=WRITERS,
        repeat=Repeat.by_state,
        errors=(*OWNER_ERRORS, Code.session_closed),
        parameters=(SESSION_ID,),
    ),
    Operation(
        name="extendProductionSession",
        tag=TAG,
        summary="Give a session more hours",
        description=(
            "Sets a new greatest length; owner only. The number is the new whole length, not what is added. After an "
            "expiry it opens the session again, unless another one is open in its place."
        ),
        http=Http("POST", PATH + "/{sessionId}/extend", {200: "Extended."}),
        handler=extend_session,
        request=Body(SessionExtension),
        request_examples={"longerDay": {"auth0Id": "user_123456789", "maxDurationHours": 18}},
        answer=SessionExtendedEnvelope,
        roles=WRITERS,
        repeat=Repeat.by_state,
        errors=(*OWNER_ERRORS, Code.session_closed, Code.session_over, Code.session_already_open),
        parameters=(SESSION_ID,),
    ),
)

JOBS = (
    Job(
        name="close-expired-sessions",
        summary="Writes the close of sessions whose time ran out.",
        interval="expiry_interval_s",
        run=close_expired,
    ),
)
