"""From the shape of a new worker to values with checked texts, days and an exact rate."""

from collections.abc import Sequence

import msgspec

from hydrobit.errors import Refused
from hydrobit.kit import instants
from hydrobit.wire import fields
from hydrobit.wire.workers import RATE_MAX, SKILLS_LENGTH_MAX, WorkerInput

DEFAULT_STATUS = "active"
EARLIEST_DAY, LATEST_DAY = "1900-01-01", "2200-12-31"


class NewWorker(msgspec.Struct, frozen=True):
    """A worker as sent. Days are texts such as `2025-03-15`, `hourly_rate` is in millionths."""

    first_name: str
    last_name: str
    position: str
    employment_type: str
    hire_date: str
    status: str = DEFAULT_STATUS
    phone: str | None = None
    email: str | None = None
    termination_date: str | None = None
    hourly_rate: int | None = None
    emergency_contact_name: str | None = None
    emergency_contact_phone: str | None = None
    skills: tuple[str, ...] = ()
    notes: str | None = None


def new_worker(body: WorkerInput) -> NewWorker:
    """Raises Refused naming the field. The photo is read by itself; what is an option, the service says."""
    hire_date = _day(body.hire_date, "hire_date")
    return NewWorker(
        first_name=fields.text(body.first_name, "first_name"),
        last_name=fields.text(body.last_name, "last_name"),
        position=fields.text(body.position, "position"),
        employment_type=fields.text(body.employment_type, "employment_type"),
        hire_date=hire_date,
        status=fields.optional_text(body.status, "status") or DEFAULT_STATUS,
        phone=fields.optional_text(body.phone, "phone"),
        email=fields.optional_text(body.email, "email"),
        termination_date=_termination(body.termination_date, hire_date),
        hourly_rate=_rate(body.hourly_rate),
        emergency_contact_name=fields.optional_text(body.emergency_contact_name, "emergency_contact_name"),
        emergency_contact_phone=fields.optional_text(body.emergency_contact_phone, "emergency_contact_phone"),
        skills=_skills(body.skills or ()),
        notes=fields.optional_text(body.notes, "notes", fields.NOTE_LENGTH_MAX),
    )


def _day(text: str, field: str) -> str:
    if not text.strip():
        raise fields.missing(field)
    try:
        day = instants.read_day(text.strip())
    except ValueError as e:
        raise fields.invalid(field, e) from e
    if not EARLIEST_DAY <= day <= LATEST_DAY:
        raise fields.invalid(field, "must lie between the years 1900 and 2200")
    return day


def _termination(text: str | None, hire_date: str) -> str | None:
    if text is None or not text.strip():
        return None
    day = _day(text, "termination_date")
    if day < hire_date:
        raise fields.invalid("termination_date", f"lies before hire_date, {hire_date}")
    return day


def _rate(raw: msgspec.Raw) -> int | None:
    return None if fields.left_out(raw) else fields.amount(raw, "hourly_rate", 0, RATE_MAX)


def _skills(skills: Sequence[str]) -> tuple[str, ...]:
    if len(skills) > SKILLS_LENGTH_MAX:
        raise _too_many_skills()
    return tuple(fields.text(skill, "skills") for skill in skills if skill.strip())


def _too_many_skills() -> Refused:
    return fields.invalid("skills", f"may have at most {SKILLS_LENGTH_MAX} elements")
