"""What is told of a session's harvest beside its terms: lot, truck and qualities.

It counts nothing and values nothing, and grading happens after the truck has left: so it may come after the close.
"""

from typing import Any

import msgspec

from hydrobit.kit import canonical
from hydrobit.ledger import store as ledger
from hydrobit.sessions import store
from hydrobit.sessions.store import Described, Session
from hydrobit.storage.engine import Transaction


class Quality(msgspec.Struct, frozen=True):
    """How much was graded as one quality, in millionths; of one worker, or of the session (None)."""

    quality_id: str
    name: str
    units: int
    worker_id: str | None = None


class Description(msgspec.Struct, frozen=True):
    """What is told of a harvest. As a wish, None stays as it is; as an answer, it was never told, or erased."""

    unit_id: str | None = None
    lot_code: str | None = None
    license_plate: str | None = None
    driver_name: str | None = None
    qualities: tuple[Quality, ...] | None = None
    qualities_at: int | None = None


NOTHING = Description()


def read(tx: Transaction, company: int, stored: Described) -> Description:
    """A stored description with the texts behind its digests."""
    return Description(
        unit_id=stored.unit_id,
        lot_code=stored.lot_code,
        license_plate=ledger.personal_text(tx, company, stored.plate_digest),
        driver_name=ledger.personal_text(tx, company, stored.driver_digest),
        qualities=None if stored.qualities is None else qualities_of(stored.qualities),
        qualities_at=stored.qualities_at,
    )


def new_facts(tx: Transaction, session: Session, wanted: Description, salts: tuple[bytes, bytes]) -> dict[str, Any]:
    """What an entry has to say so that the session is described as wanted; empty where it is already.

    Keeps the texts of a plate and a driver beside the ledger, each under a salt of its own.
    """
    stored = store.description(tx, session.company, session.session_no)
    known = read(tx, session.company, stored)
    facts: dict[str, Any] = {}
    if wanted.unit_id not in (None, known.unit_id):
        facts["harvestUnitId"] = wanted.unit_id
    if wanted.lot_code not in (None, known.lot_code):
        facts["harvestLotCode"] = wanted.lot_code
    if wanted.license_plate not in (None, known.license_plate):
        facts["plateDigest"] = ledger.add_personal(tx, session.company, salts[0], wanted.license_plate or "").hex()
    if wanted.driver_name not in (None, known.driver_name):
        facts["driverDigest"] = ledger.add_personal(tx, session.company, salts[1], wanted.driver_name or "").hex()
    if wanted.qualities not in (None, known.qualities):
        facts["qualities"] = [_quality_facts(quality) for quality in wanted.qualities or ()]
    return facts


def changed(stored: Described, facts: dict[str, Any], at: int) -> Described:
    """The description after an entry: what its facts name takes the place of what was there."""
    replaced: dict[str, Any] = {}
    if "harvestUnitId" in facts:
        replaced["unit_id"] = facts["harvestUnitId"]
    if "harvestLotCode" in facts:
        replaced["lot_code"] = facts["harvestLotCode"]
    if "plateDigest" in facts:
        replaced["plate_digest"] = bytes.fromhex(facts["plateDigest"])
    if "driverDigest" in facts:
        replaced["driver_digest"] = bytes.fromhex(facts["driverDigest"])
    if "qualities" in facts:
        replaced |= {"qualities": canonical.json_text(facts["qualities"]), "qualities_at": at}
    return msgspec.structs.replace(stored, **replaced)


def qualities_of(text: str) -> tuple[Quality, ...]:
    """The qualities of a stored list."""
    return tuple(
        Quality(told["qualityId"], told["qualityName"], told["units"], told.get("workerId"))
        for told in msgspec.json.decode(text)
    )


def _quality_facts(quality: Quality) -> dict[str, Any]:
    told = {"qualityId": quality.quality_id, "qualityName": quality.name, "units": quality.units}
    return told if quality.worker_id is None else told | {"workerId": quality.worker_id}
