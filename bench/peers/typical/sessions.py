"""Opening and closing sessions."""

from datetime import UTC, datetime, timedelta
from secrets import token_hex

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bench.peers.typical.dependencies import Caller, Database
from bench.peers.typical.errors import Refused
from bench.peers.typical.models import ProductionRecord, ProductionSession, User
from bench.peers.typical.schemas import SessionAnswer, SessionData, SessionInput

router = APIRouter(prefix="/api/control/production/sessions")


@router.post("", status_code=201)
async def open_session(body: SessionInput, user: Caller, database: Database) -> SessionAnswer:
    if body.auth0Id != user.id:
        raise Refused(403, "not_the_caller", "auth0Id is not the user of the token.")
    now = datetime.now(UTC).replace(tzinfo=None)
    session = ProductionSession(
        id=token_hex(12),
        company_id=user.company_id,
        user_id=user.id,
        project_id=body.projectId,
        sector_id=body.sectorId,
        sector_name=body.sector_name,
        day=body.openedAt.date().isoformat(),
        opened_at=body.openedAt,
        expires_at=max(body.openedAt, now) + timedelta(hours=body.maxDurationHours),
        max_duration_hours=body.maxDurationHours,
        closed_at=None,
    )
    database.add(session)
    try:
        await database.commit()
    except IntegrityError as error:
        raise Refused(409, "session_already_open", "A session of this day and sector is open.") from error
    return SessionAnswer(data=SessionData(sessionId=session.id, status="open"))


@router.post("/{session_id}/close")
async def close_session(session_id: str, user: Caller, database: Database) -> SessionAnswer:
    session = await owned_session(database, user, session_id, changes=True)
    if session.closed_at is not None:
        raise Refused(409, "session_closed", "The session is closed already.")
    session.closed_at = datetime.now(UTC).replace(tzinfo=None)
    total = await database.scalar(
        select(func.sum(ProductionRecord.units)).where(ProductionRecord.session_id == session_id)
    )
    await database.commit()
    return SessionAnswer(data=SessionData(sessionId=session_id, status="closed", totalUnits=(total or 0) / 1_000_000))


async def owned_session(
    database: AsyncSession, user: User, session_id: str, *, changes: bool = False
) -> ProductionSession:
    """The session, if it is the caller's own; another company's answers as an unknown one.

    It stays as it was read: whoever counts in it shares a lock on its row, and whoever closes it waits for them. On
    SQLite the transaction itself does that.
    """
    session = await database.get(ProductionSession, session_id, with_for_update={"read": not changes})
    if session is None or session.company_id != user.company_id:
        raise Refused(404, "session_not_found", "There is no such session.")
    if session.user_id != user.id:
        raise Refused(403, "not_the_owner", "Only the user who opened the session may do this.")
    return session
