"""From an explained day to the shape of its answer."""

import msgspec
from msgspec import UNSET

from hydrobit.kit.amounts import write_amount
from hydrobit.kit.instants import write_day, write_instant
from hydrobit.ledger.entry import Entry, Source
from hydrobit.records.explain import Day, Line, Totals, summary, write_place
from hydrobit.sessions.store import Session
from hydrobit.wire.explained import ClaimedKey, ExplainedDay, ExplainedLine, ExplainedSession, ExplainedTotals


def explained(day: Day, now: int) -> ExplainedDay:
    """`now` decides whether a session whose time is over shows as closed."""
    return ExplainedDay(
        workerId=day.worker_id,
        names=list(day.names),
        day=write_day(day.day),
        summary=summary(day.totals),
        totals=_totals(day.totals),
        sessions=[_session(session, totals, now) for session, totals in day.sessions],
        items=list(map(_line, day.lines)),
        next=UNSET if day.next is None else write_place(day.next),
    )


def _totals(totals: Totals) -> ExplainedTotals:
    return ExplainedTotals(
        netUnits=write_amount(totals.net),
        validUnits=write_amount(totals.valid),
        recordCount=totals.records,
        voidedCount=totals.voided,
        voidedUnits=write_amount(totals.voided_units),
        heldCount=totals.held,
        heldUnits=write_amount(totals.held_units),
    )


def _session(session: Session, totals: Totals, now: int) -> ExplainedSession:
    closed_at = session.ended_at(now)
    return ExplainedSession(
        **msgspec.structs.asdict(_totals(totals)),
        sessionId=session.session_id,
        projectId=session.project_id,
        sectorId=session.sector_id,
        sector_name=session.sector_name,
        timezone=session.timezone,
        openedBy=session.opened_by,
        closedAt=UNSET if closed_at is None else write_instant(closed_at),
        closedReason=UNSET if closed_at is None else session.closed_reason or "expired",  # type: ignore[arg-type]
    )


def _line(line: Line) -> ExplainedLine:
    source, session = line.source, line.session
    is_entry = isinstance(source, Entry)
    return ExplainedLine(
        state=line.state.value,
        recordId=source.public_id if is_entry else UNSET,
        heldId=UNSET if is_entry else source.public_id,
        units=write_amount(source.units),
        runningUnits=write_amount(line.running),
        sessionId=session.session_id,
        sectorId=session.sector_id,
        sector_name=session.sector_name,
        worker_name=line.worker_name or UNSET,
        recordedAtUtc=write_instant(source.recorded_at),
        receivedAtUtc=write_instant(source.received_at),
        sentAtUtc=UNSET if source.sent_at is None else write_instant(source.sent_at),
        source=Source(source.source).name,  # type: ignore[arg-type]
        auth0Id=source.actor,
        deviceId=source.device_id or UNSET,
        deviceSeq=UNSET if source.device_seq is None else source.device_seq,
        clientEventId=source.client_event_id or UNSET,
        idempotencyKey=source.idempotency_key or UNSET,
        claimedKeys=list(map(_claim, line.claims)) or UNSET,
        evidence=UNSET if line.evidence is None else msgspec.Raw(line.evidence.encode()),
        voidOf=line.void_of or UNSET,
        voidedBy=line.voided_by or UNSET,
        reason=line.reason or UNSET,
    )


def _claim(entry: Entry) -> ClaimedKey:
    return ClaimedKey(
        idempotencyKey=entry.idempotency_key or "",
        receivedAtUtc=write_instant(entry.received_at),
        auth0Id=entry.actor,
    )
