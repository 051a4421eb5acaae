"""Queries of devices in, values out."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from hydrobit.operation import Device, Letter
from hydrobit.storage import queries
from hydrobit.storage.engine import Transaction

sql = queries.load("hydrobit.devices")


class RegisteredDevice(msgspec.Struct, frozen=True):
    """A device as its company sees it. Instants are milliseconds; None is never."""

    device_id: str
    project_id: str
    name: str
    created_at: int
    revoked_at: int | None

    @property
    def as_caller(self) -> Device:
        """The device as a token names it."""
        return Device(self.device_id, self.project_id)


def device(tx: Transaction, company: int, device_id: str) -> RegisteredDevice | None:
    """Revoked ones too."""
    row = tx.one(sql.device_by_id, company=company, device_id=device_id)
    return RegisteredDevice(*row) if row else None


def page_of_devices(tx: Transaction, company: int, number: int, length: int) -> tuple[int, list[RegisteredDevice]]:
    """How many devices the company has, revoked ones too, and one page of them in the order of their ids."""
    row = tx.one(sql.count_devices, company=company)
    assert row is not None
    found = tx.all(sql.page_of_devices, company=company, page=length, skipped=(number - 1) * length)
    return row[0], [RegisteredDevice(*one) for one in found]


def add_device(tx: Transaction, company: int, added: RegisteredDevice) -> None:
    """Raises Duplicate when the id is taken."""
    tx.run(
        sql.add_device,
        company=company,
        device_id=added.device_id,
        project_id=added.project_id,
        name=added.name,
        now=added.created_at,
    )


def revoke_device(tx: Transaction, company: int, device_id: str, now: int) -> None:
    tx.run(sql.revoke_device, company=company, device_id=device_id, now=now)


class Reading(msgspec.Struct, frozen=True):
    """What a device read at an instant; `content` is a JSON object."""

    at: int
    received_at: int
    content: str


def add_readings(tx: Transaction, company: int, device_id: str, kind: str, added: Iterable[Reading]) -> None:
    """Raises Duplicate where the device has a reading of the kind and instant."""
    rows = [(company, device_id, kind, reading.at, reading.received_at, reading.content) for reading in added]
    tx.run_many(sql.add_reading, rows)


def content_at(tx: Transaction, company: int, device_id: str, kind: str, at: int) -> str | None:
    row = tx.one(sql.reading_at, company=company, device_id=device_id, kind=kind, at=at)
    return row[0] if row else None


def readings(
    tx: Transaction, company: int, device_id: str, kind: str, after: int, before: int, page: int
) -> list[Reading]:
    """Those after one instant and before another, in their order."""
    found = tx.all(sql.readings, company=company, device_id=device_id, kind=kind, after=after, before=before, page=page)
    return [Reading(*row) for row in found]


class KeptLetter(msgspec.Struct, frozen=True):
    """A dead letter without what stands in it. Instants are milliseconds; None is never."""

    letter_no: int
    received_at: int
    subject: str
    device_id: str | None
    client_id: str
    topic: str
    length: int
    code: str
    detail: str
    request_id: str
    replayed_at: int | None
    replay_status: int | None


def count_letters(tx: Transaction, company: int) -> int:
    row = tx.one(sql.count_letters, company=company)
    return row[0] if row else 0


def last_letter(tx: Transaction, company: int) -> int:
    """The highest number of a letter; 0 while there is none."""
    row = tx.one(sql.last_letter, company=company)
    return row[0] if row else 0


def drop_oldest_replayed(tx: Transaction, company: int) -> bool:
    """Whether there was one."""
    return bool(tx.run(sql.drop_oldest_replayed, company=company))


def add_letter(tx: Transaction, number: int, letter: Letter, code: str, detail: str, request_id: str, now: int) -> None:
    tx.run(
        sql.add_letter,
        letter_no=number,
        received_at=now,
        code=code,
        detail=detail,
        request_id=request_id,
        **msgspec.structs.asdict(letter),
    )


def letter(tx: Transaction, company: int, number: int) -> tuple[KeptLetter, bytes] | None:
    """A letter, and what stands in it."""
    row = tx.one(sql.letter, company=company, letter_no=number)
    return (KeptLetter(*row[:-1]), bytes(row[-1])) if row else None


def page_of_letters(
    tx: Transaction, company: int, status: str | None, number: int, length: int
) -> tuple[int, list[KeptLetter]]:
    """How many letters there are of a status, `waiting` or `replayed`, or of both; and one page, latest first."""
    row = tx.one(sql.count_letters_of_status, company=company, status=status)
    assert row is not None
    found = tx.all(sql.page_of_letters, company=company, status=status, page=length, skipped=(number - 1) * length)
    return row[0], [KeptLetter(*one) for one in found]


def mark_replayed(tx: Transaction, company: int, number: int, status: int, now: int) -> None:
    tx.run(sql.mark_replayed, company=company, letter_no=number, status=status, now=now)


class SessionKey(NamedTuple):
    """Whose MQTT session it is: nobody takes over another's."""

    company: int
    subject: str
    client_id: str


Held = tuple[int, str, str, str]
"""Company, subject and client of a session, and the owner who holds it."""


class MqttSession(msgspec.Struct, frozen=True):
    """A session as it was left, or is held; `subscriptions` is a JSON list of filters."""

    owner: str
    expiry_s: int
    expires_at: int
    subscriptions: str


def mqtt_session(tx: Transaction, key: SessionKey) -> MqttSession | None:
    row = tx.one(sql.mqtt_session, **key._asdict())
    return MqttSession(*row) if row else None


def count_kept_sessions(tx: Transaction, key: SessionKey, most: int) -> int:
    """Up to `most`."""
    (count,) = tx.one(sql.count_kept_sessions, company=key.company, subject=key.subject, most=most) or (0,)
    return int(count)


def hold_mqtt_session(tx: Transaction, key: SessionKey, session: MqttSession) -> None:
    """Gives the session to its owner, whoever had it before."""
    values = key._asdict() | msgspec.structs.asdict(session)
    if not tx.run(sql.take_mqtt_session, **values):
        tx.run(sql.add_mqtt_session, **values)


def set_subscriptions(tx: Transaction, key: SessionKey, owner: str, subscriptions: str) -> bool:
    """Whether the owner has it still."""
    return bool(tx.run(sql.set_subscriptions, **key._asdict(), owner=owner, subscriptions=subscriptions))


def leave_mqtt_session(tx: Transaction, key: SessionKey, owner: str, expiry_s: int, expires_at: int) -> None:
    tx.run(sql.leave_mqtt_session, **key._asdict(), owner=owner, expiry_s=expiry_s, expires_at=expires_at)


def drop_mqtt_session(tx: Transaction, key: SessionKey, owner: str) -> None:
    tx.run(sql.drop_mqtt_session, **key._asdict(), owner=owner)


def lost_mqtt_sessions(tx: Transaction, held: Sequence[Held]) -> list[int]:
    """The places in the list of those that are their owner's no more. One question, however many they are."""
    return [row[0] for row in tx.all(sql.lost_mqtt_sessions, held=msgspec.json.encode(held).decode())]


def mark_seen(tx: Transaction, held: Sequence[Held], now: int, grace_ms: int) -> None:
    tx.run(sql.mark_seen, held=msgspec.json.encode(held).decode(), now=now, grace_ms=grace_ms)


def mqtt_sessions_over(tx: Transaction, now: int, page: int) -> list[SessionKey]:
    """Of whichever company."""
    return [SessionKey(*row) for row in tx.all(sql.mqtt_sessions_over, now=now, page=page)]


def drop_mqtt_session_over(tx: Transaction, key: SessionKey, now: int) -> int:
    return tx.run(sql.drop_mqtt_session_over, **key._asdict(), now=now)
