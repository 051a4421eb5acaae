"""From the shape of a count to a draft: checked texts, an exact amount, instants. On the hot path."""

from collections.abc import Callable
from functools import lru_cache

import msgspec

from hydrobit.errors import Refused
from hydrobit.kit import canonical
from hydrobit.kit.amounts import MILLION
from hydrobit.kit.instants import HOUR_MS
from hydrobit.wire import fields
from hydrobit.wire.records import UNITS_MAX, BulkRecordInput, RecordInput

DEFAULT_UNITS = MILLION
DEVICE_SEQ_MAX = 2**53 - 1
EVIDENCE_BYTES_MAX = 4_096
CLIENT_KEY = "client:"


class RecordDraft(msgspec.Struct, frozen=True, gc=False):
    """A well-formed count on its way into the ledger. `units` in millionths, instants in milliseconds."""

    company: int
    actor: str
    source: int
    session_id: str
    worker_id: str
    worker_name: str
    client_event_id: str
    idempotency_key: str | None
    units: int
    recorded_at: int
    sent_at: int | None
    device_id: str | None
    device_seq: int | None
    evidence: str | None
    salt: bytes | None
    access_no: int | None = None
    """Of a caller whose rights are judged in the transaction (`Caller.access_no`); None: they were just looked up."""


class VoidDraft(msgspec.Struct, frozen=True, gc=False):
    """A void on its way into the ledger."""

    company: int
    actor: str
    source: int
    record_id: str
    reason: str
    salt: bytes


def read_derived_key(key: str) -> tuple[str, str, str] | None:
    """Session, worker and event of the key that every record claims, `client:{sessionId}:{workerId}:{clientEventId}`.

    The worker's id counts however it was typed, as in a record. None for a key that no record can have.
    """
    session_id, _, rest = key.removeprefix(CLIENT_KEY).partition(":")
    worker_id, _, client_event_id = rest.partition(":")
    try:
        return session_id, fields.worker_id(worker_id), client_event_id
    except Refused:
        return None


def record(
    body: RecordInput | BulkRecordInput,
    company: int,
    actor: str,
    source: int,
    now: int,
    ahead_hours_max: int,
    random: Callable[[int], bytes],
    access_no: int | None = None,
) -> RecordDraft:
    """The draft of one count. Raises Refused naming the field."""
    recorded_at = fields.instant(body.recordedAtUtc, "recordedAtUtc")
    if recorded_at > now + ahead_hours_max * HOUR_MS:
        raise fields.clock_ahead("recordedAtUtc", ahead_hours_max, now)
    evidence = None if body.evidence is fields.NOTHING else _evidence(body.evidence)
    session_id = fields.session_id(body.sessionId)
    worker_id = fields.worker_id(body.workerId)
    client_event_id = fields.key(body.clientEventId, "clientEventId")
    return RecordDraft(
        company,
        actor,
        source,
        session_id,
        worker_id,
        fields.worker_name(body.worker_name),
        client_event_id,
        None if body.idempotencyKey is None else _own_key(body.idempotencyKey, session_id, worker_id, client_event_id),
        DEFAULT_UNITS if body.units is fields.NOTHING else _units(bytes(body.units)),
        recorded_at,
        None if body.sentAtUtc is None else fields.instant(body.sentAtUtc, "sentAtUtc"),
        None if body.deviceId is None else fields.optional_text(body.deviceId, "deviceId"),
        None if body.deviceSeq is fields.NOTHING else _device_seq(body),
        evidence,
        random(canonical.SALT_BYTES) if evidence is not None else None,
        access_no,
    )


@lru_cache(maxsize=4_096)
def _units(sent: bytes) -> int:
    raw = msgspec.Raw(sent)
    return DEFAULT_UNITS if fields.left_out(raw) else fields.amount(raw, "units", 0, UNITS_MAX)


def _own_key(key: str, session_id: str, worker_id: str, client_event_id: str) -> str | None:
    """An own key as it is kept; the record's derived key says nothing new and is dropped."""
    if not key.startswith(CLIENT_KEY):
        return fields.optional_key(key, "idempotencyKey")
    if read_derived_key(key) == (session_id, worker_id, client_event_id):
        return None
    raise fields.invalid("idempotencyKey", f"may begin with {CLIENT_KEY} only as the record's own derived key")


def _device_seq(body: RecordInput | BulkRecordInput) -> int | None:
    if fields.left_out(body.deviceSeq):
        return None
    if body.deviceId is None or not body.deviceId.strip():
        raise fields.invalid("deviceSeq", "needs a deviceId beside it")
    return fields.whole(body.deviceSeq, "deviceSeq", 1, DEVICE_SEQ_MAX)


def _evidence(raw: msgspec.Raw) -> str | None:
    if fields.left_out(raw):
        return None
    return canonical.json_text(fields.open_object(raw, "evidence", EVIDENCE_BYTES_MAX))
