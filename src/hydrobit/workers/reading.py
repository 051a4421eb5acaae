"""From the shape of a new worker to values with checked texts, days and an exact rate."""

from collections.abc import Sequence
from typing import Any

import msgspec

from hydrobit.errors import Code, Refused
from hydrobit.kit import instants
from hydrobit.wire import fields
from hydrobit.wire.workers import RATE_MAX, SKILLS_LENGTH_MAX, TemplateChange, Worker, WorkerChange, WorkerInput
from hydrobit.workers.template import Kind

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


UNCHANGEABLE = frozenset({*Worker.__struct_fields__, "photo"}) - frozenset(WorkerChange.__struct_fields__)
"""Fields of a worker that a PATCH may not name: who was hired on another day is another worker."""


def changes(body: WorkerChange, ignored: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a `Worker` that are to be changed.

    Raises Refused for an unchangeable field, and nothing_to_change when there is none.
    """
    for name in ignored:
        if name in UNCHANGEABLE:
            raise Refused(Code.unchangeable_field, f"{name} cannot be changed by an update.", field=name)
    given: dict[str, Any] = {
        name: text
        for name in ("first_name", "last_name", "position", "employment_type", "status")
        if (text := fields.optional_text(getattr(body, name), name)) is not None
    }
    for name in ("phone", "email", "emergency_contact_name", "emergency_contact_phone"):
        if (said := getattr(body, name)) is not None:
            given[name] = fields.optional_text(said, name)
    if body.notes is not None:
        given["notes"] = fields.optional_text(body.notes, "notes", fields.NOTE_LENGTH_MAX)
    if body.termination_date is not None:
        given["termination_date"] = _termination(body.termination_date, EARLIEST_DAY)
    if not fields.left_out(body.hourly_rate):
        given["hourly_rate"] = _rate(body.hourly_rate)
    if body.skills is not None:
        given["skills"] = _skills(body.skills)
    if not given:
        raise Refused(Code.nothing_to_change, "Send at least one field that can be changed.")
    return given


def template_options(body: TemplateChange) -> dict[Kind, list[str]]:
    """The options that are to be set. Raises Refused, nothing_to_change when there are none."""
    given = {kind: names for kind in Kind if (names := getattr(body, kind.value)) is not None}
    if not given:
        raise Refused(Code.nothing_to_change, f"Send the options of {', '.join(Kind)}.")
    return given


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
    require_order(hire_date, day)
    return day


def require_order(hire_date: str, termination_date: str | None) -> None:
    """Raises Refused when somebody would leave before the day of being hired."""
    if termination_date is not None and termination_date < hire_date:
        raise fields.invalid("termination_date", f"lies before hire_date, {hire_date}")


def _rate(raw: msgspec.Raw) -> int | None:
    return None if fields.left_out(raw) else fields.amount(raw, "hourly_rate", 0, RATE_MAX)


def _skills(skills: Sequence[str]) -> tuple[str, ...]:
    if len(skills) > SKILLS_LENGTH_MAX:
        raise _too_many_skills()
    return tuple(fields.text(skill, "skills") for skill in skills if skill.strip())


def _too_many_skills() -> Refused:
    return fields.invalid("skills", f"may have at most {SKILLS_LENGTH_MAX} elements")
