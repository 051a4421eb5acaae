"""From the shapes of requests to values with checked texts, exact numbers and instants."""

import msgspec

from hydrobit.errors import Code, Refused
from hydrobit.kit.instants import HOUR_MS
from hydrobit.projects import reading as defaults
from hydrobit.projects.store import Bonus
from hydrobit.sessions.description import NOTHING, Description, Quality
from hydrobit.wire import fields
from hydrobit.wire.sessions import (
    QUALITY_UNITS_MAX,
    UNIT_LENGTH_MAX,
    QualityInput,
    Session,
    SessionChange,
    SessionClose,
    SessionInput,
)


class Opening(msgspec.Struct, frozen=True):
    """What a session is opened with; None is taken from the project."""

    project_id: str
    sector_id: str
    sector_name: str
    opened_at: int
    sampling_unit: str | None
    price: int | None
    bonus: Bonus | None
    max_duration_hours: int | None
    notes: str | None
    local_id: str | None


class Change(msgspec.Struct, frozen=True):
    """What is to be changed; None stays as it is."""

    sampling_unit: str | None
    price: int | None
    bonus: Bonus | None
    notes: str | None
    description: Description

    @property
    def needs_open(self) -> bool:
        """Whether it changes what is fixed by the close."""
        return (self.sampling_unit, self.price, self.bonus, self.notes) != (None, None, None, None)


def opening(body: SessionInput, now: int, ahead_hours_max: int) -> Opening:
    """Raises Refused naming the field."""
    opened_at = fields.instant(body.openedAt, "openedAt")
    if opened_at > now + ahead_hours_max * HOUR_MS:
        raise fields.clock_ahead("openedAt", ahead_hours_max, now)
    return Opening(
        project_id=fields.text(body.projectId, "projectId"),
        sector_id=fields.text(body.sectorId, "sectorId"),
        sector_name=fields.text(body.sector_name, "sector_name"),
        opened_at=opened_at,
        sampling_unit=fields.optional_text(body.samplingUnit, "samplingUnit", UNIT_LENGTH_MAX),
        price=defaults.price(body.pricePerUnit),
        bonus=defaults.bonus(body.bonus),
        max_duration_hours=None if fields.left_out(body.maxDurationHours) else defaults.hours(body.maxDurationHours),
        notes=fields.optional_text(body.notes, "notes", fields.NOTE_LENGTH_MAX),
        local_id=fields.optional_key(body.localId, "localId"),
    )


UNCHANGEABLE = frozenset(Session.__struct_fields__) - frozenset(SessionChange.__struct_fields__)
"""Fields of a session that a PATCH may not name."""


def change(body: SessionChange, ignored: tuple[str, ...]) -> Change:
    """Raises Refused for an unchangeable field and for a request that changes nothing."""
    for name in ignored:
        if name in UNCHANGEABLE:
            raise Refused(Code.unchangeable_field, f"{name} cannot be changed by an update.", field=name)
    wanted = Change(
        sampling_unit=fields.optional_text(body.samplingUnit, "samplingUnit", UNIT_LENGTH_MAX),
        price=defaults.price(body.pricePerUnit),
        bonus=defaults.bonus(body.bonus),
        notes=fields.optional_text(body.notes, "notes", fields.NOTE_LENGTH_MAX),
        description=description(body),
    )
    if not wanted.needs_open and wanted.description == NOTHING:
        raise Refused(
            Code.nothing_to_change,
            "Send samplingUnit, pricePerUnit, bonus, notes, harvestUnitId, harvestLotCode, license_plate, driver_name "
            "or qualityBreakdown.",
        )
    return wanted


def description(body: SessionChange | SessionClose) -> Description:
    """What is told of the harvest. Raises Refused naming the field."""
    return Description(
        unit_id=fields.optional_text(body.harvestUnitId, "harvestUnitId"),
        lot_code=fields.optional_text(body.harvestLotCode, "harvestLotCode"),
        license_plate=fields.optional_text(body.license_plate, "license_plate"),
        driver_name=fields.optional_text(body.driver_name, "driver_name"),
        qualities=None if body.qualityBreakdown is None else _qualities(body.qualityBreakdown),
    )


def _qualities(sent: list[QualityInput]) -> tuple[Quality, ...]:
    found: dict[tuple[str, str | None], Quality] = {}
    for place, each in enumerate(sent):
        name = f"qualityBreakdown[{place}]"
        quality = Quality(
            fields.text(each.qualityId, f"{name}.qualityId"),
            fields.text(each.qualityName, f"{name}.qualityName"),
            fields.amount(each.units, f"{name}.units", 0, QUALITY_UNITS_MAX),
            None if each.workerId is None else fields.worker_id(each.workerId),
        )
        if (quality.quality_id, quality.worker_id) in found:
            raise fields.invalid(f"{name}.qualityId", f"{quality.quality_id} stands twice for the same worker")
        found[quality.quality_id, quality.worker_id] = quality
    return tuple(found.values())
