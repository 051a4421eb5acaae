"""The rules of devices, as units: adding, revoking, and for whom a token may be issued."""

from typing import Any

from hydrobit.audit import service as audit
from hydrobit.audit.service import Author
from hydrobit.devices import store
from hydrobit.devices.reading import DeviceWish
from hydrobit.devices.store import RegisteredDevice
from hydrobit.errors import Code, Refused
from hydrobit.identity import own_keys, people
from hydrobit.kit.instants import write_instant
from hydrobit.ledger import store as ledger
from hydrobit.operation import Caller
from hydrobit.projects import service as projects
from hydrobit.storage.engine import Transaction
from hydrobit.wire import fields

TOPIC_SIGNS = frozenset("/+#")
"""What divides topics and stands for parts of them."""


def topic(company_id: str, device: RegisteredDevice) -> str:
    """The filter of all that is published below a device's own branch."""
    return f"{device.as_caller.branch(company_id)}/#"


def add_device(tx: Transaction, author: Author, company_id: str, wish: DeviceWish) -> tuple[RegisteredDevice, bool]:
    """The device, and whether it is new: the same again is the stored one.

    Raises Refused: project_not_found, id_taken, invalid_value where a topic could not name it.
    """
    for said, field in ((company_id, "companyId"), (wish.project_id, "projectId")):
        if TOPIC_SIGNS & frozenset(said):
            raise fields.invalid(field, "holds one of / + #, so that no topic can name its devices")
    ledger.lock_head(tx, author.company)
    known = store.device(tx, author.company, wish.device_id)
    if known is not None:
        if known.revoked_at is not None or (known.project_id, known.name) != (wish.project_id, wish.name):
            raise _taken(known)
        return known, False
    projects.require(tx, author.company, wish.project_id)
    added = RegisteredDevice(wish.device_id, wish.project_id, wish.name, author.now, None)
    store.add_device(tx, author.company, added)
    audit.record(tx, author, "device.add", added.device_id, None, _told(added))
    return added, True


def revoke_device(tx: Transaction, author: Author, device_id: str) -> RegisteredDevice:
    """The device, revoked for ever with all its tokens; a repeat changes nothing. Raises Refused, device_not_found."""
    ledger.lock_head(tx, author.company)
    before = store.device(tx, author.company, device_id)
    if before is None:
        raise not_found(device_id)
    if before.revoked_at is not None:
        return before
    store.revoke_device(tx, author.company, device_id, author.now)
    ledger.change_access(tx, author.company)
    after = require_known(tx, author.company, device_id)
    audit.record(tx, author, "device.revoke", device_id, _told(before), _told(after))
    return after


def require(tx: Transaction, company: int, device_id: str) -> RegisteredDevice:
    """The device in use. Raises Refused, device_not_found, also for a revoked one."""
    found = require_known(tx, company, device_id)
    if found.revoked_at is not None:
        raise not_found(device_id)
    return found


def require_known(tx: Transaction, company: int, device_id: str) -> RegisteredDevice:
    """The device, also a revoked one. Raises Refused, device_not_found."""
    found = store.device(tx, company, device_id)
    if found is None:
        raise not_found(device_id)
    return found


def require_token(tx: Transaction, company: int, device_id: str, user_id: str | None, kid: str) -> RegisteredDevice:
    """The device for which a token, signed with this key, would count.

    Raises Refused: device_not_found; user_not_found for one who is no active user; unavailable where the key was
    withdrawn, so that nobody walks into the field with a token that opens nothing.
    """
    if not own_keys.counts(tx, kid):
        raise Refused(
            Code.unavailable, "This server's signing key was withdrawn; its operator has to copy the new one."
        )
    found = require(tx, company, device_id)
    if user_id is not None:
        user = people.require(tx, company, user_id)
        if user.disabled_at is not None:
            raise people.not_found(user_id)
    return found


def require_same(caller: Caller, device_id: str | None) -> str:
    """The device that is meant: a device's token means its own. Raises Refused: device_mismatch, missing_field."""
    if caller.device is None:
        return fields.text(device_id or "", "deviceId")
    if device_id is not None and device_id != caller.device.device_id:
        raise Refused(Code.device_mismatch, "deviceId is not the token's device.", field="deviceId")
    return caller.device.device_id


def not_found(device_id: str) -> Refused:
    """The refusal of a device that is unknown, another company's, or revoked."""
    return Refused(Code.device_not_found, f"There is no device {device_id[:100]} in use.", field="deviceId")


def _taken(known: RegisteredDevice) -> Refused:
    state = "was revoked" if known.revoked_at is not None else "has another project or name"
    return Refused(
        Code.id_taken,
        f"There is a device {known.device_id} already, and it {state}; choose another id.",
        field="deviceId",
    )


def _told(device: RegisteredDevice) -> dict[str, Any]:
    told: dict[str, Any] = {"projectId": device.project_id, "name": device.name}
    return told if device.revoked_at is None else told | {"revokedAt": write_instant(device.revoked_at)}
