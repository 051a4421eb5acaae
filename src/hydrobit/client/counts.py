"""Counts as they are kept and sent, checked before anything is promised to whoever counted."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from hydrobit.client.calls import Number, amount
from hydrobit.kit.instants import read_instant
from hydrobit.wire import fields
from hydrobit.wire.body import Body
from hydrobit.wire.fields import invalid
from hydrobit.wire.records import UNITS_MAX, BulkRecordInput

Count = Mapping[str, Any]
"""The members of `wire.records.BulkRecordInput`; who counts is added when it is sent."""

_NUMBER = re.compile(rb"[1-9]\d*")
_body = Body(BulkRecordInput)


def count(
    session_id: str,
    worker_id: str,
    worker_name: str,
    *,
    units: Number = 1,
    recorded_at: str,
    client_event_id: str,
    idempotency_key: str | None = None,
    device_id: str | None = None,
    device_seq: int | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> Count:
    """A count that the server can read. Raises Refused, which names the field, where it could not."""
    said = {
        "sessionId": session_id,
        "workerId": worker_id,
        "worker_name": worker_name,
        "units": _units(units),
        "recordedAtUtc": recorded_at,
        "clientEventId": client_event_id,
        "idempotencyKey": idempotency_key,
        "deviceId": device_id,
        "deviceSeq": device_seq,
        "evidence": evidence,
    }
    return checked({name: value for name, value in said.items() if value is not None})


def checked(said: Mapping[str, Any]) -> Count:
    """The same count, its texts cleaned as the server cleans them. Raises Refused."""
    read, unknown = _body.decode(msgspec.json.encode(said))
    if unknown:
        raise invalid(unknown[0], "is no member of a count")
    fields.optional_key(read.idempotencyKey, "idempotencyKey")
    fields.optional_text(read.deviceId, "deviceId")
    if not fields.left_out(read.deviceSeq) and (read.deviceId is None or not _NUMBER.fullmatch(bytes(read.deviceSeq))):
        raise invalid("deviceSeq", "must be a whole number from 1, beside a deviceId")
    try:
        read_instant(read.recordedAtUtc)
    except ValueError as e:
        raise invalid("recordedAtUtc", e) from e
    return {
        **said,
        "sessionId": fields.text(read.sessionId, "sessionId"),
        "workerId": fields.worker_id(read.workerId),
        "worker_name": fields.worker_name(read.worker_name),
        "clientEventId": fields.key(read.clientEventId, "clientEventId"),
    }


def _units(units: Number) -> msgspec.Raw:
    try:
        exact = amount(units)
    except ValueError as e:
        raise invalid("units", e) from e
    if not 0 <= units <= UNITS_MAX:
        raise invalid("units", f"must lie between 0 and {UNITS_MAX}")
    return exact
