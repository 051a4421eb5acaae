"""Counting units for a worker: stored once, however often it is sent."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Response
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bench.peers.typical.dependencies import Caller, Database
from bench.peers.typical.errors import Refused
from bench.peers.typical.models import IdempotencyKey, ProductionRecord, User
from bench.peers.typical.schemas import RecordAnswer, RecordData, RecordInput, RecordPreview
from bench.peers.typical.sessions import owned_session

router = APIRouter(prefix="/api/control/production/records")


@router.post("", status_code=201)
async def create_record(body: RecordInput, user: Caller, database: Database, response: Response) -> RecordAnswer:
    """Store first and look for an earlier record only when that fails: nearly every record is new."""
    now = datetime.now(UTC).replace(tzinfo=None)
    _check(body, user, now)
    company_id = user.company_id  # After a rollback the user would have to be read again.
    try:
        await _demand_open(database, user, body.sessionId, now)
        record = await _insert(database, user, body, now)
        return _answer(record, idempotent=False)
    except Refused as refusal:
        failure: Exception = refusal
    except IntegrityError as error:
        await database.rollback()
        failure = error
    known = await _find_known(database, company_id, body)
    if known is None:
        raise failure
    await _replay(database, company_id, known, body)
    response.status_code = 200
    return _answer(known, idempotent=True)


def _check(body: RecordInput, user: User, now: datetime) -> None:
    if body.auth0Id != user.id:
        raise Refused(403, "not_the_caller", "auth0Id is not the user of the token.")
    if user.role == "viewer":
        raise Refused(403, "read_only", "A viewer only reads.")
    if body.recordedAtUtc > now + timedelta(hours=24):
        raise Refused(400, "clock_ahead", "recordedAtUtc lies more than 24 h ahead of the server.")
    key = body.idempotencyKey
    if key is not None and key.startswith("client:") and key != body.derived_key:
        raise Refused(400, "invalid_key", "A key that begins with client: must be the record's own.")


async def _demand_open(database: AsyncSession, user: User, session_id: str, now: datetime) -> None:
    session = await owned_session(database, user, session_id)
    if session.closed_at is not None or session.expires_at <= now:
        raise Refused(409, "session_closed", "The session is closed.")


async def _insert(database: AsyncSession, user: User, body: RecordInput, now: datetime) -> ProductionRecord:
    record = ProductionRecord(
        company_id=user.company_id,
        session_id=body.sessionId,
        worker_id=body.workerId,
        worker_name=body.worker_name,
        units=body.millionths,
        recorded_at=body.recordedAtUtc,
        received_at=now,
        client_event_id=body.clientEventId,
    )
    if body.idempotencyKey is not None:
        record.keys.append(IdempotencyKey(company_id=user.company_id, key=body.idempotencyKey))
    database.add(record)
    await database.commit()
    return record


async def _find_known(database: AsyncSession, company_id: str, body: RecordInput) -> ProductionRecord | None:
    """The record that holds the derived key or the own key. Raises Refused (409) when they are two different ones."""
    by_event = await database.scalar(
        select(ProductionRecord).where(
            ProductionRecord.session_id == body.sessionId,
            ProductionRecord.worker_id == body.workerId,
            ProductionRecord.client_event_id == body.clientEventId,
            ProductionRecord.company_id == company_id,
        )
    )
    by_key = await database.scalar(
        select(ProductionRecord)
        .join(IdempotencyKey)
        .where(IdempotencyKey.company_id == company_id, IdempotencyKey.key == body.idempotencyKey)
    )
    if by_event is not None and by_key is not None and by_event.id != by_key.id:
        raise Refused(409, "idempotency_conflict", "The two keys belong to two different records.")
    return by_event or by_key


async def _replay(database: AsyncSession, company_id: str, known: ProductionRecord, body: RecordInput) -> None:
    """Demand the same content, and claim an own key that was not used yet."""
    stored = (known.session_id, known.worker_id, known.units, known.recorded_at, known.client_event_id)
    sent = (body.sessionId, body.workerId, body.millionths, body.recordedAtUtc, body.clientEventId)
    if stored != sent:
        raise Refused(409, "idempotency_conflict", f"The key belongs to another record: {stored} is not {sent}.")
    key = body.idempotencyKey
    if key is not None and await database.get(IdempotencyKey, (company_id, key)) is None:
        database.add(IdempotencyKey(company_id=company_id, key=key, record_id=known.id))
        await database.commit()


def _answer(record: ProductionRecord, *, idempotent: bool) -> RecordAnswer:
    preview = RecordPreview(
        recordId=f"rec_{record.id:016x}",
        sessionId=record.session_id,
        workerId=record.worker_id,
        units=record.units / 1_000_000,
    )
    return RecordAnswer(data=RecordData(payloadPreview=preview, idempotent=idempotent))
