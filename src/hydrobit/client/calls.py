"""The calls of the main job, each as a value that both clients take: what is sent, and what comes back.

    session = client.call(calls.open_session("proj_123", "sector_001", "Lote A-1", opened_at=now))

Method, path and shapes are those of the server's rows; a test holds them to the table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote
from uuid import uuid4

import msgspec
from msgspec import Raw, Struct

from hydrobit.client.steps import Answer, Request
from hydrobit.kit.amounts import read_amount, write_amount
from hydrobit.wire.projects import Project, ProjectListEnvelope
from hydrobit.wire.records import (
    BulkOutcome,
    ProductionRecord,
    ProductionRecordEnvelope,
    RecordCreated,
    RecordCreatedData,
    VoidEnvelope,
    VoidPreview,
)
from hydrobit.wire.sessions import (
    BonusInput,
    Session,
    SessionClosed,
    SessionClosedEnvelope,
    SessionEnvelope,
    SessionExtended,
    SessionExtendedEnvelope,
    SessionPage,
    SessionPageEnvelope,
    SessionUpdated,
    SessionUpdatedEnvelope,
)
from hydrobit.wire.workers import Worker, WorkerEnvelope, WorkerPage, WorkerPageEnvelope

A = TypeVar("A")
Number = int | float | Decimal
"""Units, prices and hours; at most 6 decimals."""

PRODUCTION = "/api/control/production"
SESSIONS, RECORDS = f"{PRODUCTION}/sessions", f"{PRODUCTION}/records"
WORKERS, PROJECTS = "/api/control/workers", "/api/control/projects"


@dataclass(frozen=True, slots=True)
class Asked(Generic[A]):
    """One call of an operation. The client adds who calls."""

    operation: str
    method: str
    path: str
    answer: type[Struct] | None
    take: Callable[[Any], A]
    """What the caller gets of the answer's envelope."""
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    user_in_query: bool = False

    @property
    def is_head(self) -> bool:
        return self.method == "HEAD"

    def request(self, user: str) -> Request:
        query = {**self.query, "auth0Id": user} if self.user_in_query else self.query
        body = None if self.body is None else encoded({"auth0Id": user, **self.body})
        return Request(self.method, self.path, query, body)

    def read(self, answer: Answer) -> A:
        """Raises msgspec.DecodeError where the answer is not one of this operation."""
        if self.answer is None:
            return self.take(answer.status)
        return self.take(msgspec.json.decode(answer.body, type=self.answer))

    def try_read(self, answer: Answer) -> A | None:
        try:
            return self.read(answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


def encoded(body: Mapping[str, Any]) -> bytes:
    """JSON of what was said; what is None was not."""
    return msgspec.json.encode({name: value for name, value in body.items() if value is not None})


def amount(value: Number | Raw) -> Raw:
    """A number exactly as it is meant. Raises ValueError with a sentence."""
    if isinstance(value, Raw):
        return write_amount(read_amount(bytes(value)))
    text = format(value, "f") if isinstance(value, Decimal) else repr(value)
    return write_amount(read_amount(text.encode()))


def decimal(raw: Raw) -> Decimal:
    """A number of an answer, exact."""
    return Decimal(bytes(raw).decode("ascii"))


def _maybe(value: Number | None) -> Raw | None:
    return None if value is None else amount(value)


def _data(envelope: Any) -> Any:
    return envelope.data


def _below(root: str, name: str, *more: str) -> str:
    return "/".join([root, quote(name, safe=""), *more])


# Sessions


def open_session(
    project_id: str,
    sector_id: str,
    sector_name: str,
    *,
    opened_at: str,
    sampling_unit: str | None = None,
    price_per_unit: Number | None = None,
    bonus: BonusInput | None = None,
    max_duration_hours: int | None = None,
    notes: str | None = None,
    local_id: str | None = None,
) -> Asked[Session]:
    """Opens a session. Its `local_id` makes a repeat safe; one is made where none is given."""
    body = {
        "projectId": project_id,
        "openedAt": opened_at,
        "sectorId": sector_id,
        "sector_name": sector_name,
        "samplingUnit": sampling_unit,
        "pricePerUnit": _maybe(price_per_unit),
        "bonus": bonus,
        "maxDurationHours": max_duration_hours,
        "notes": notes,
        "localId": local_id or str(uuid4()),
    }
    return Asked("createProductionSession", "POST", SESSIONS, SessionEnvelope, _data, body)


def list_sessions(
    *, day: str | None = None, status: str | None = None, page: int | None = None, limit: int | None = None
) -> Asked[SessionPage]:
    """The caller's own sessions, latest day first."""
    query = _texts(day=day, status=status, page=page, limit=limit)
    return Asked("listProductionSessions", "GET", SESSIONS, SessionPageEnvelope, _data, query=query)


def read_session(session_id: str) -> Asked[Session]:
    """A session with its sums per worker; its owner's alone."""
    return Asked("getProductionSession", "GET", _below(SESSIONS, session_id), SessionEnvelope, _data)


def change_session(session_id: str, **changes: Any) -> Asked[SessionUpdated]:
    """Changes what `wire.sessions.SessionChange` names."""
    path = _below(SESSIONS, session_id)
    return Asked("updateProductionSession", "PATCH", path, SessionUpdatedEnvelope, _data, changes)


def close_session(session_id: str, *, notes: str | None = None) -> Asked[SessionClosed]:
    """Ends a session; the answer has its totals."""
    path = _below(SESSIONS, session_id, "close")
    return Asked("closeProductionSession", "POST", path, SessionClosedEnvelope, _data, {"notes": notes})


def extend_session(session_id: str, max_duration_hours: int) -> Asked[SessionExtended]:
    """Sets the whole length of a session."""
    path, body = _below(SESSIONS, session_id, "extend"), {"maxDurationHours": max_duration_hours}
    return Asked("extendProductionSession", "POST", path, SessionExtendedEnvelope, _data, body)


# Records


def record(count: Mapping[str, Any]) -> Asked[RecordCreatedData]:
    """One count, as `counts.count` makes it."""
    return Asked("createProductionRecord", "POST", RECORDS, RecordCreated, _data, count)


def record_many(counts: Sequence[Mapping[str, Any]]) -> Asked[BulkOutcome]:
    """Many counts in one call, with an outcome each."""
    elements = [Raw(encoded(each)) for each in counts]
    path = f"{RECORDS}/bulk"
    return Asked("bulkCreateProductionRecords", "POST", path, BulkOutcome, _whole, {"records": elements})


def void(record_id: str, reason: str) -> Asked[VoidPreview]:
    """Undoes a count by an opposite movement."""
    path = _below(RECORDS, record_id, "void")
    return Asked("voidProductionRecord", "POST", path, VoidEnvelope, _preview, {"reason": reason})


def read_record(record_id: str) -> Asked[ProductionRecord]:
    """A movement as it stands in the ledger."""
    path = _below(RECORDS, record_id)
    return Asked("getProductionRecord", "GET", path, ProductionRecordEnvelope, _data)


def is_key_used(key: str) -> Asked[bool]:
    """Whether a key, an own one or `client:{sessionId}:{workerId}:{clientEventId}`, has been used."""
    path = f"{RECORDS}/check-idempotency"
    return Asked("checkIdempotencyKey", "HEAD", path, None, _is_found, query={"key": key})


# What sessions and records stand on


def list_projects() -> Asked[list[Project]]:
    """The company's projects with their sectors."""
    return Asked("listProjects", "GET", PROJECTS, ProjectListEnvelope, _data, user_in_query=True)


def list_workers(*, search: str | None = None, page: int | None = None, limit: int | None = None) -> Asked[WorkerPage]:
    """A page of the crew."""
    query = _texts(q=search, page=page, limit=limit)
    return Asked("listWorkers", "GET", WORKERS, WorkerPageEnvelope, _data, query=query, user_in_query=True)


def read_worker(worker: str) -> Asked[Worker]:
    """A worker by business id or stored id."""
    return Asked("getWorker", "GET", _below(WORKERS, worker), WorkerEnvelope, _data, user_in_query=True)


def add_worker(
    first_name: str, last_name: str, *, position: str, employment_type: str, hire_date: str, **more: Any
) -> Asked[Worker]:
    """Registers a worker; what else is known of them in the members of `wire.workers.WorkerInput`."""
    body = {
        "first_name": first_name,
        "last_name": last_name,
        "position": position,
        "employment_type": employment_type,
        "hire_date": hire_date,
        **more,
    }
    return Asked("createWorker", "POST", WORKERS, WorkerEnvelope, _data, body)


def _whole(envelope: Any) -> Any:
    return envelope


def _preview(envelope: Any) -> VoidPreview:
    return cast(VoidPreview, envelope.data.payloadPreview)


def _is_found(status: int) -> bool:
    return status == 200


def _texts(**given: str | int | None) -> dict[str, str]:
    return {name: str(value) for name, value in given.items() if value is not None}
