"""The answers of a filled form, checked against the version that it names."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from hydrobit.errors import Code, Refused
from hydrobit.forms import positions, reading
from hydrobit.forms.definition import NUMBER_MAX, SCALE_USUAL, TEXT_LENGTH_MAX, Definition, Field
from hydrobit.forms.reading import Answer, Filled
from hydrobit.kit import canonical
from hydrobit.kit.amounts import MILLION, amount_text, read_amount, write_amount
from hydrobit.kit.instants import write_instant
from hydrobit.wire import fields
from hydrobit.wire.lifting import Lifted

MEDIA_OF_FIELD_MAX = 10
MEDIA_MAX = 50
"""Photos, audio and signatures of one record; each picture is decoded in a process of its own."""
ANSWERS_BYTES_MAX = 256 * 1024
"""What the answers of one record may have as they are stored, without photos and media."""
OPTIONS_NAMED_MAX = 20
_TEXT_BYTES_MAX = 12 * TEXT_LENGTH_MAX + 1_024
"""Of the JSON of a text that can still be short enough: every character escaped, and some blanks around it."""


class Medium(msgspec.Struct, frozen=True):
    """A photo, audio or signature that is still a data URL."""

    type: str
    text: memoryview
    path: str


class Observation(msgspec.Struct, frozen=True):
    """The answer to a field of type pest; amounts in millionths."""

    variable: str
    name: str
    value: int
    severity: int | None
    scale: int


class Checked(msgspec.Struct, frozen=True):
    """Answers that fit their form, in the order in which they were sent. A value may be media, or a list of them."""

    values: list[tuple[str, Any]]
    observations: list[Observation]
    ignored: list[str]

    @property
    def media(self) -> list[Medium]:
        """All of it, in order."""
        return [one for _, value in self.values for one in media_in(value)]


def media_in(value: object) -> list[Medium]:
    """The media that a checked value is."""
    if isinstance(value, Medium):
        return [value]
    return [one for one in value if isinstance(one, Medium)] if isinstance(value, list) else []


def check(definition: Definition, filled: Filled) -> Checked:
    """Raises Refused naming the field: an unknown one, a wrong type or value, a required one without an answer."""
    asked = {field.name: field for field in definition.fields}
    checked = Checked([], [], [])
    for answer in filled.answers:
        field = asked.get(answer.field)
        path = reading.path_of(answer.field)
        if field is None:
            raise fields.invalid(path, f"is no field of {definition.form_id} in this version")
        value = _READERS[field.type](_Sent(field, answer, filled.lifted, path, checked))
        if value is not None:
            checked.values.append((field.name, value))
    answered = {name for name, _ in checked.values}
    for field in definition.fields:
        if field.required and field.name not in answered:
            raise fields.missing(reading.path_of(field.name))
    if len(checked.media) > MEDIA_MAX:
        raise fields.invalid("form_values", f"may hold at most {MEDIA_MAX} photos, audio and signatures")
    plain = [[name, value] for name, value in checked.values if not media_in(value)]
    if len(canonical.json_text(plain).encode()) > ANSWERS_BYTES_MAX:
        raise fields.invalid("form_values", f"may have at most {ANSWERS_BYTES_MAX} bytes, photos and media aside")
    return checked


class _Sent:
    """One answer on its way through its reader."""

    def __init__(self, field: Field, answer: Answer, lifted: Lifted, path: str, checked: Checked) -> None:
        self.field, self.raw, self.lifted, self.path, self.checked = field, answer.value, lifted, path, checked

    @property
    def begin(self) -> bytes:
        return bytes(memoryview(self.raw)[:1])

    def wrong_type(self, wanted: str) -> Refused:
        return Refused(Code.wrong_type, f"{self.path} must be {wanted}.", field=self.path)

    def within(self, millionths: int) -> int:
        """Raises Refused for a number out of the field's bounds."""
        least, most = _millionths(self.field.minimum), _millionths(self.field.maximum)
        if (least is not None and millionths < least) or (most is not None and millionths > most):
            raise fields.invalid(self.path, f"is {amount_text(millionths)} and {_bounds(least, most)}")
        return millionths

    def elements(self, wanted: str) -> list[Raw]:
        if self.begin != b"[":
            raise self.wrong_type(wanted)
        return msgspec.json.decode(self.raw, type=list[Raw])

    def members(self, known: Sequence[str], wanted: str) -> dict[str, Raw]:
        """The members of an object; others are passed over and told."""
        if self.begin != b"{":
            raise self.wrong_type(wanted)
        found = msgspec.json.decode(self.raw, type=dict[str, Raw])
        self.checked.ignored.extend(f"record.{self.path}.{name[:100]}" for name in found if name not in known)
        return {name: value for name, value in found.items() if name in known}


def _text(sent: _Sent, raw: Raw | None = None) -> str | None:
    """None where it is blank."""
    json = sent.lifted.whole(sent.raw if raw is None else raw)
    if bytes(json[:1]) != b'"':
        raise sent.wrong_type("a text")
    most = sent.field.length_max or TEXT_LENGTH_MAX
    if len(json) > _TEXT_BYTES_MAX:
        raise fields.invalid(sent.path, f"must have at most {most} characters")
    try:
        text = msgspec.json.decode(json, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise Refused(Code.invalid_json, f"{sent.path} is not UTF-8 JSON.", field=sent.path) from e
    return fields.optional_text(text, sent.path, most)


def _number(sent: _Sent) -> Raw:
    return write_amount(sent.within(fields.amount(sent.raw, sent.path, -NUMBER_MAX, NUMBER_MAX)))


def _integer(sent: _Sent) -> int:
    whole = fields.whole(sent.raw, sent.path, -NUMBER_MAX, NUMBER_MAX)
    sent.within(whole * MILLION)
    return whole


def _boolean(sent: _Sent) -> bool:
    if bytes(sent.raw) not in (b"true", b"false"):
        raise sent.wrong_type("true or false")
    return bytes(sent.raw) == b"true"


def _date(sent: _Sent) -> str | None:
    text = _text(sent)
    return None if text is None else reading.day(text, sent.path)


def _datetime(sent: _Sent) -> str | None:
    text = _text(sent)
    return None if text is None else write_instant(fields.instant(text, sent.path))


def _choice(sent: _Sent, raw: Raw | None = None) -> str | None:
    text = _text(sent, raw)
    values = [option.value for option in sent.field.options or ()]
    if text is not None and text not in values:
        more = " and others" if len(values) > OPTIONS_NAMED_MAX else ""
        raise fields.invalid(sent.path, f"is none of its options: {', '.join(values[:OPTIONS_NAMED_MAX])}{more}")
    return text


def _multichoice(sent: _Sent) -> list[str] | None:
    chosen = [_choice(sent, element) for element in sent.elements("a list of texts")]
    given = [one for one in chosen if one is not None]
    if len(set(given)) < len(given):
        raise fields.invalid(sent.path, "holds an option more than once")
    return given or None


def _medium(sent: _Sent) -> Medium:
    return Medium(sent.field.type, sent.lifted.whole(sent.raw), sent.path)


def _one_or_several_media(sent: _Sent) -> Medium | list[Medium] | None:
    if sent.begin != b"[":
        return _medium(sent)
    elements = sent.elements("a text or a list of texts")
    if len(elements) > MEDIA_OF_FIELD_MAX:
        raise fields.invalid(sent.path, f"may hold at most {MEDIA_OF_FIELD_MAX}, holds {len(elements)}")
    return [Medium(sent.field.type, sent.lifted.whole(one), sent.path) for one in elements] or None


def _location(sent: _Sent) -> dict[str, float]:
    members = sent.members(("latitude", "longitude"), 'an object: {"latitude": ..., "longitude": ...}')
    latitude, longitude = (members.get(name, fields.NOTHING) for name in ("latitude", "longitude"))
    position = positions.read(latitude, longitude, f"{sent.path}.")
    if position is None:
        raise fields.missing(f"{sent.path}.latitude")
    if position.is_no_fix:
        raise fields.invalid(sent.path, "is 0,0, which a GPS says before it has a fix; wait for one, or leave it out")
    return {"latitude": position.latitude, "longitude": position.longitude}


def _pest(sent: _Sent) -> dict[str, Raw]:
    count, severity = sent.raw, fields.NOTHING
    if sent.begin == b"{":
        members = sent.members(("value", "severity"), "a number")
        count, severity = members.get("value", fields.NOTHING), members.get("severity", fields.NOTHING)
    elif sent.begin not in b"-0123456789":
        raise sent.wrong_type('a number, or an object: {"value": ..., "severity": ...}')
    if fields.left_out(count):
        raise fields.missing(f"{sent.path}.value")
    field = sent.field
    scale = field.scale or SCALE_USUAL
    value = sent.within(fields.amount(count, sent.path, 0, NUMBER_MAX))
    degree = None if fields.left_out(severity) else fields.amount(severity, f"{sent.path}.severity", 0, scale)
    sent.checked.observations.append(Observation(field.name, field.label, value, degree, scale * MILLION))
    written = {"value": write_amount(value)}
    return written if degree is None else written | {"severity": write_amount(degree)}


_READERS: dict[str, Callable[[_Sent], Any]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "choice": _choice,
    "multichoice": _multichoice,
    "photo": _one_or_several_media,
    "audio": _one_or_several_media,
    "signature": _medium,
    "location": _location,
    "pest": _pest,
}


def _millionths(bound: Raw) -> int | None:
    return None if fields.left_out(bound) else read_amount(bytes(bound))


def _bounds(least: int | None, most: int | None) -> str:
    if least is None or most is None:
        return (
            f"must be at most {amount_text(most)}"
            if most is not None
            else f"must be at least {amount_text(least or 0)}"
        )
    return f"must lie between {amount_text(least)} and {amount_text(most)}"
