"""From the shapes of requests to values: what was filled in, and what makes it the same when it comes again."""

from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from hydrobit.errors import Code, Refused
from hydrobit.forms import definition, positions
from hydrobit.forms.definition import Definition
from hydrobit.forms.positions import Position
from hydrobit.kit import canonical, instants
from hydrobit.kit.amounts import read_amount
from hydrobit.kit.instants import HOUR_MS
from hydrobit.objects import data_urls
from hydrobit.wire import fields
from hydrobit.wire.fields import OBJECT_DEPTH_MAX
from hydrobit.wire.forms import ANSWERS_LENGTH_MAX, VERSION_MAX, FormRecordInput, Submission, TaskInput
from hydrobit.wire.lifting import Lifted

SECONDS_MAX = 366 * 86_400
"""A form that was begun a year ago and handed in now."""
DEFINITION_BYTES_MAX = 1024 * 1024
"""Of a definition as it is sent, with its blanks."""
USER_ID_LENGTH_MAX = 255
_DIGESTED_LENGTH_MIN = 80
"""Texts that are as long enter the digest of a record's content by their own digest. Shorter than any that is lifted,
however it is escaped."""


T = TypeVar("T")


class Answer(msgspec.Struct, frozen=True):
    """The answer to one field, as it was sent; null ones are left out."""

    field: str
    value: Raw


class Filled(msgspec.Struct, frozen=True):
    """A filled form. What the form says of its answers is not looked at yet; `duration` is in milliseconds."""

    form_id: str
    type: str
    version: int | None
    task_id: str | None
    project_id: str | None
    sector_id: str | None
    client_event_id: str | None
    position: Position | None
    started_at: int | None
    duration_ms: int | None
    answers: tuple[Answer, ...]
    lifted: Lifted
    content_digest: bytes
    ignored: tuple[str, ...]


class Wish(msgspec.Struct, frozen=True):
    """A task as it is wanted."""

    user_id: str
    title: str | None
    due_day: str | None
    task_id: str | None


def filled(submission: Submission, now: int, ahead_hours_max: int) -> Filled:
    """Raises Refused naming the field. Goes through all media, so it belongs on a thread."""
    body = submission.record
    form_id = fields.text(body.form, "_id")
    if (fields.optional_text(body.form_id, "form_id") or form_id) != form_id:
        raise fields.invalid("form_id", "is another form than _id")
    started_at = None if body.inicio is None or not body.inicio.strip() else fields.instant(body.inicio, "inicio")
    if started_at is not None and started_at > now + ahead_hours_max * HOUR_MS:
        raise fields.clock_ahead("inicio", ahead_hours_max, now)
    position = positions.read(body.latitude, body.longitude)
    answers, ignored = _answers(body.form_values)
    told: dict[str, Any] = {
        "form_id": form_id,
        "type": fields.text(body.type, "type"),
        "project_id": fields.optional_text(body.projectId, "projectId"),
        "sector_id": fields.optional_text(body.sectorId, "sectorId"),
        "position": None if position is None or position.is_no_fix else position,
        "started_at": started_at,
        "duration_ms": _duration(body),
    }
    return Filled(
        **told,
        version=None if fields.left_out(body.version) else fields.whole(body.version, "version", 1, VERSION_MAX),
        task_id=fields.optional_text(body.taskId, "taskId"),
        client_event_id=fields.optional_key(body.clientEventId, "clientEventId"),
        answers=answers,
        lifted=submission.lifted,
        content_digest=_digest(told, answers, submission.lifted),
        ignored=ignored,
    )


def defined(raw: Raw, form_id: str | None = None) -> Definition:
    """A definition that was sent. Raises Refused naming every fault."""
    if fields.left_out(raw):
        raise fields.missing("definition")
    return definition.read(fields.open_object(raw, "definition", DEFINITION_BYTES_MAX), form_id)


def require_change(wanted: Definition | None, disabled: bool | None) -> None:
    """Raises Refused, nothing_to_change."""
    if wanted is None and disabled is None:
        raise Refused(Code.nothing_to_change, "Send definition or disabled.")


def wish(body: TaskInput) -> Wish:
    """Raises Refused naming the field."""
    due_day = fields.optional_text(body.dueDay, "dueDay")
    if due_day is not None:
        due_day = day(due_day, "dueDay")
    return Wish(
        user_id=fields.text(body.userId, "userId", USER_ID_LENGTH_MAX),
        title=fields.optional_text(body.title, "title"),
        due_day=due_day,
        task_id=fields.optional_text(body.taskId, "taskId"),
    )


def day(text: str, field: str) -> str:
    """A calendar day. Raises Refused."""
    try:
        return instants.read_day(text.strip())
    except ValueError as e:
        raise fields.invalid(field, e) from e


def path_of(field: str) -> str:
    """How errors name the answer to a field."""
    return f"form_values.{field[:100]}"


def _duration(body: FormRecordInput) -> int | None:
    if fields.left_out(body.segundos):
        return None
    return fields.amount(body.segundos, "segundos", 0, SECONDS_MAX) // 1000


def _answers(raw: Raw) -> tuple[tuple[Answer, ...], tuple[str, ...]]:
    """The answers that hold something, and the names of members that answers do not have."""
    if fields.left_out(raw):
        return (), ()
    answers, ignored, named = [], [], set()
    for number, one in enumerate(_list(raw)):
        place = f"form_values[{number}]"
        members = _members(one, place)
        field = _field_name(members.get("field"), place)
        if field in named:
            raise fields.invalid(path_of(field), "is answered more than once")
        named.add(field)
        if not fields.left_out(members.get("value", fields.NOTHING)):
            answers.append(Answer(field, members["value"]))
        ignored += [f"record.{path_of(field)}.{name[:100]}" for name in members if name not in ("field", "value")]
    return tuple(answers), tuple(ignored)


def _list(raw: Raw) -> list[Raw]:
    sent = bytes(raw)
    if not sent.startswith(b"["):
        raise Refused(Code.wrong_type, "form_values must be a list.", field="form_values")
    found = _decoded(sent, list[Raw], "form_values")
    if len(found) > ANSWERS_LENGTH_MAX:
        raise fields.invalid("form_values", f"may have at most {ANSWERS_LENGTH_MAX} elements, has {len(found)}")
    return found


def _members(raw: Raw, place: str) -> dict[str, Raw]:
    if not bytes(memoryview(raw)[:1]) == b"{":
        raise Refused(Code.wrong_type, f'{place} must be an object: {{"field": ..., "value": ...}}.', field=place)
    return _decoded(bytes(raw), dict[str, Raw], place)


def _field_name(raw: Raw | None, place: str) -> str:
    if raw is None or fields.left_out(raw):
        raise fields.missing(f"{place}.field")
    if not bytes(raw).startswith(b'"'):
        raise Refused(Code.wrong_type, f"{place}.field must be a text.", field=f"{place}.field")
    return fields.text(_decoded(bytes(raw), str, f"{place}.field"), f"{place}.field")


def _decoded(sent: bytes, shape: type[T], place: str) -> T:
    try:
        return msgspec.json.decode(sent, type=shape)
    except RecursionError as e:
        raise Refused(Code.invalid_json, f"{place} is nested too deeply.", field=place) from e
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise Refused(Code.invalid_json, f"{place} is not UTF-8 JSON.", field=place) from e


def _digest(told: dict[str, Any], answers: tuple[Answer, ...], lifted: Lifted) -> bytes:
    """What two records have in common when they are the same: not their version and task, which may be left out."""
    said = [[answer.field, _plain(answer, lifted)] for answer in answers]
    return canonical.digest(canonical.json_text(told | {"answers": said}))


def _plain(answer: Answer, lifted: Lifted) -> object:
    """An answer with equal numbers written equally, and long texts as their digests."""
    path = path_of(answer.field)
    sent = bytes(answer.value)
    if sent[:1] in b"-0123456789":
        return _number(sent, path)
    try:
        value = msgspec.json.decode(sent)
    except RecursionError as e:
        raise fields.invalid(path, f"may be nested at most {OBJECT_DEPTH_MAX} deep") from e
    except msgspec.ValidationError as e:
        raise fields.invalid(path, "holds a number that is too large") from e
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise Refused(Code.invalid_json, f"{path} is not UTF-8 JSON.", field=path) from e
    return _without_media(value, lifted, path, OBJECT_DEPTH_MAX)


def _number(sent: bytes, path: str) -> object:
    try:
        return read_amount(sent)
    except ValueError as e:
        raise fields.invalid(path, e) from e


def _without_media(value: object, lifted: Lifted, path: str, depth_max: int) -> object:
    match value:
        case dict() | list() if depth_max == 0:
            raise fields.invalid(path, f"may be nested at most {OBJECT_DEPTH_MAX} deep")
        case dict():
            return {name: _without_media(inner, lifted, path, depth_max - 1) for name, inner in value.items()}
        case list():
            return [_without_media(inner, lifted, path, depth_max - 1) for inner in value]
        case str():
            return _short(value, lifted, path)
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _short(value: str, lifted: Lifted, path: str) -> str:
    text = lifted.marked(value)
    if text is not None:
        return data_urls.digest(text, path)
    return value if len(value) < _DIGESTED_LENGTH_MIN else canonical.digest(value).hex()
