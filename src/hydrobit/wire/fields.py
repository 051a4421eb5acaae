"""The field types that several shapes share, and how their texts and numbers are read.

Numbers stay as the text that was sent (`Raw`) until `amounts` reads them exactly. An optional request field is null
when it was left out; an optional answer field is UNSET and then not written.

What the derived documents say of a field stands beside it as `Meta`; it checks nothing. A shape may carry `schema`,
members of its JSON schema that no single field can say.
"""

from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from hydrobit.errors import Code, Refused
from hydrobit.kit import amounts, instants, texts

NAME_LENGTH_MAX = 200
NOTE_LENGTH_MAX = 2_000
KEY_LENGTH_MAX = 200
WORKER_ID_LENGTH_MAX = 64
REMEMBERED_MAX = 32_768
"""Cleaned texts that come again and again are remembered, so many of each kind."""
OBJECT_DEPTH_MAX = 16

SHAPE = "shape"
PROMISED = "x-promised"
UNPROMISED: dict[str, Any] = {PROMISED: False}
"""Marks a field that is always written, and yet is not `required` in the documents: the published example lacks it, and
an example has to fit its schema."""

NULLABLE = "x-nullable"
"""Marks a request field whose null is published; in the others null counts as left out without a word."""

NOTHING = Raw(b"")
"""A number or object that was left out."""


def nothing() -> Raw:
    """The default of a number or object that may be left out."""
    return NOTHING


def left_out(raw: Raw) -> bool:
    """True when the field was not sent or is null."""
    return raw is NOTHING or bytes(raw) in (b"", b"null")


Auth0Id = Annotated[
    str,
    Meta(
        description="The calling user; it must be the token's own.",
        examples=["user_123456789"],
    ),
]
Success = Annotated[str, Meta(examples=["success"])]
Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


def number(description: str = "", *, example: float | None = None, **schema: Any) -> Meta:
    """Says of a `Raw` field that it is a JSON number, read exactly by `kit.amounts`."""
    extra: dict[str, Any] = {"type": "number", **schema}
    if description:
        extra["description"] = description
    if example is not None:
        extra["examples"] = [example]
    return Meta(extra_json_schema=extra)


def said(description: str = "", *, example: str | None = None, **schema: Any) -> Meta:
    """Description and example of a text field."""
    return Meta(
        description=description or None, examples=[example] if example else None, extra_json_schema=schema or None
    )


def element(shape: type[Struct]) -> Meta:
    """Says of a `Raw` element which shape it is read as later."""
    return Meta(extra_json_schema={"$ref": f"#/components/schemas/{shape.__name__}"}, extra={SHAPE: shape})


NAME: dict[str, Any] = {"minLength": 1, "maxLength": NAME_LENGTH_MAX}
NOTE: dict[str, Any] = {"maxLength": NOTE_LENGTH_MAX}
KEY: dict[str, Any] = {"minLength": 1, "maxLength": KEY_LENGTH_MAX}
"""Lengths as the documents tell them; `text` and `key` hold to them."""

Ignored = Annotated[list[str], Meta(description="Names of request fields that are not known and were not stored.")]
SessionId = Annotated[str, said(example="6507f1e3c9d8e2a4b1f9c3d5", **NAME)]


def invalid(field: str, sentence: object, **extra: object) -> Refused:
    """The refusal of a value; the sentence goes on after the field's name."""
    return Refused(Code.invalid_value, f"{field} {sentence}.", field=field, **extra)


def missing(field: str) -> Refused:
    """The refusal of a field that was left out, null or blank."""
    return Refused(Code.missing_field, f"{field} is required.", field=field)


def text(value: str, field: str, length_max: int = NAME_LENGTH_MAX) -> str:
    """A required text, cleaned. Raises Refused when it is blank, too long or unsafe."""
    try:
        cleaned = texts.clean(value, length_max)
    except ValueError as e:
        raise invalid(field, e) from e
    if not cleaned:
        raise missing(field)
    return cleaned


def optional_text(value: str | None, field: str, length_max: int = NAME_LENGTH_MAX) -> str | None:
    """A text that may be left out; blank counts as left out."""
    if value is None or not value.strip():
        return None
    return text(value, field, length_max)


def worker_id(value: str) -> str:
    """A worker's business id: stripped, NFC, upper case, without a colon, 1 to 64 characters (in upper case too)."""
    return _worker_id(_short(value))


def worker_name(value: str) -> str:
    """A worker's name as captured with a count."""
    return _worker_name(_short(value))


def session_id(value: str) -> str:
    """A session's id as sent; whether it is one is the store's to say."""
    return _session_id(_short(value))


def _short(value: str) -> str:
    """What may be remembered: white space around a text must not fill the memory."""
    return value if len(value) <= NAME_LENGTH_MAX else value.strip()


@lru_cache(maxsize=REMEMBERED_MAX)
def _worker_id(value: str) -> str:
    cleaned = text(text(value, "workerId", WORKER_ID_LENGTH_MAX).upper(), "workerId", WORKER_ID_LENGTH_MAX)
    if ":" in cleaned:
        raise invalid("workerId", "must not hold a colon")
    return cleaned


@lru_cache(maxsize=REMEMBERED_MAX)
def _worker_name(value: str) -> str:
    return text(value, "worker_name")


@lru_cache(maxsize=REMEMBERED_MAX)
def _session_id(value: str) -> str:
    return text(value, "sessionId")


def key(value: str, field: str) -> str:
    """A key or event id, kept to the letter: 1 to 200 characters, not blank."""
    try:
        exact = texts.exact(value, KEY_LENGTH_MAX)
    except ValueError as e:
        raise invalid(field, e) from e
    if not exact or exact.isspace():
        raise missing(field)
    return exact


def optional_key(value: str | None, field: str) -> str | None:
    """A key that may be left out. A blank one is refused: it would make every record the same."""
    if value is not None and not value.strip():
        raise invalid(field, f"must have 1 to {KEY_LENGTH_MAX} characters, or be left out")
    return None if value is None else key(value, field)


def instant(value: str, field: str) -> int:
    """Milliseconds since 1970 of a sent instant. Raises Refused."""
    try:
        return instants.read_instant(value)
    except ValueError as e:
        raise invalid(field, e) from e


def clock_ahead(field: str, ahead_hours_max: int, now: int) -> Refused:
    """The refusal of an instant that the server's clock will not reach for hours."""
    return Refused(
        Code.clock_ahead,
        f"{field} lies more than {ahead_hours_max} hours ahead of the server's clock.",
        field=field,
        serverTime=instants.write_instant(now),
    )


def amount(raw: Raw, field: str, least: int, most: int) -> int:
    """Whole millionths between two bounds (in whole units, both allowed). Raises Refused, wrong_type for no number."""
    sent = bytes(raw)
    require_number(sent, field)
    try:
        millionths = amounts.read_amount(sent)
    except ValueError as e:
        raise invalid(field, e) from e
    if not least * amounts.MILLION <= millionths <= most * amounts.MILLION:
        raise invalid(field, f"must lie between {least} and {most}")
    return millionths


def whole(raw: Raw, field: str, least: int, most: int) -> int:
    """A whole number between two bounds; `12.0` is whole."""
    millionths = amount(raw, field, least, most)
    if millionths % amounts.MILLION:
        raise invalid(field, "must be a whole number")
    return millionths // amounts.MILLION


def require_number(sent: bytes, field: str) -> None:
    """Raises Refused, wrong_type, where the JSON that was sent is of another type."""
    if sent[:1] not in b"-0123456789":
        kind = {b'"': "a text", b"{": "an object", b"[": "a list"}.get(sent[:1], "a boolean")
        raise Refused(Code.wrong_type, f"{field} must be a JSON number, not {kind}.", field=field)


def open_object(raw: Raw, field: str, bytes_max: int) -> dict[str, Any]:
    """An object of any members, at most `bytes_max` long and `OBJECT_DEPTH_MAX` deep. Raises Refused."""
    sent = bytes(raw)
    if not sent.startswith(b"{"):
        raise Refused(Code.wrong_type, f"{field} must be an object.", field=field)
    if len(sent) > bytes_max:
        raise invalid(field, f"must have at most {bytes_max} bytes")
    try:
        value: dict[str, Any] = msgspec.json.decode(sent)
    except RecursionError as e:
        raise _too_deep(field) from e
    except UnicodeDecodeError as e:
        raise Refused(Code.invalid_json, f"{field} is not UTF-8.", field=field) from e
    except msgspec.DecodeError as e:
        raise invalid(field, "holds a number that is too large") from e
    if _is_deeper(value, OBJECT_DEPTH_MAX):
        raise _too_deep(field)
    return value


def _is_deeper(value: object, depth_max: int) -> bool:
    layer = [value]
    for _ in range(depth_max):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return any(isinstance(inner, dict | list) for inner in layer)


def _too_deep(field: str) -> Refused:
    return invalid(field, f"may be nested at most {OBJECT_DEPTH_MAX} deep")
