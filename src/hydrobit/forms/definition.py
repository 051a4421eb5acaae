"""What a form asks: its typed fields, read from an object of any origin and checked to the last member.

A misspelt bound would be no bound, so that an unknown member is a fault here. All faults are told at once.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Raw

from hydrobit.errors import Code, Refused
from hydrobit.kit import canonical, texts
from hydrobit.kit.amounts import MILLION, amount_text, read_amount
from hydrobit.operation import Role
from hydrobit.wire.fields import NOTHING

FIELDS_MAX = 300
OPTIONS_MAX = 1_000
"""Options of one field."""
DEFINITION_BYTES_MAX = 256 * 1024
"""Of one version, as it is stored."""
NAME_LENGTH_MAX = 200
HINT_LENGTH_MAX = 1_000
TEXT_LENGTH_MAX = 2_000
"""Of the answer to a field of type text; a field may ask for less."""
NUMBER_MAX = 1_000_000_000_000
"""Numbers lie between this and its negative: in millionths they fit 64 bits."""
SCALE_USUAL, SCALE_MAX = 5, 1_000
NAMED_MAX = 50
"""So many faults are named in one refusal."""

TASKS = "tasks"
"""The subtype of forms that are filled in on request."""
TYPES = (
    *("text", "number", "integer", "boolean", "date", "datetime", "choice", "multichoice"),
    *("photo", "audio", "signature", "location", "pest"),
)
MEDIA = frozenset({"photo", "audio", "signature"})
ROLES = tuple(sorted(role.value for role in Role))
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_COMMON = ("name", "label", "type", "required", "hint")
_OWN = {
    "text": ("lengthMax",),
    "number": ("minimum", "maximum"),
    "integer": ("minimum", "maximum"),
    "choice": ("options",),
    "multichoice": ("options",),
    "pest": ("minimum", "maximum", "scale"),
}
"""Members that fields of some types have beside the common ones."""


class Option(msgspec.Struct, frozen=True):
    """One of the answers to choose from."""

    value: str
    label: str


class Field(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question. Bounds are JSON numbers of at most 6 decimals, both inclusive; `NOTHING` where there is none."""

    name: str
    label: str
    type: str
    required: bool = False
    hint: str | None = None
    minimum: Raw = NOTHING
    maximum: Raw = NOTHING
    length_max: int | None = msgspec.field(name="lengthMax", default=None)
    options: tuple[Option, ...] | None = None
    scale: int | None = None


class Definition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a form, as it is stored and shown."""

    form_id: str = msgspec.field(name="_id")
    name: str
    type: str
    subtype: str | None = None
    roles: tuple[str, ...] = ROLES
    fields: tuple[Field, ...]

    @property
    def is_task_form(self) -> bool:
        return self.subtype == TASKS

    def text(self) -> str:
        """Canonical JSON: equal definitions have equal texts."""
        return canonical.json_text(self)


def stored(text: str) -> Definition:
    """The definition of a stored text."""
    return _stored.decode(text)


_stored = msgspec.json.Decoder(Definition)


def read(given: object, form_id: str | None = None) -> Definition:
    """The definition of an object, whose `_id` may be left out where `form_id` says it.

    Raises Refused naming every fault; `field` is the first.
    """
    reader = _Reader()
    found = reader.definition(given, form_id)
    reader.refuse()
    assert found is not None, "what has no fault is a definition"
    if len(found.text().encode()) > DEFINITION_BYTES_MAX:
        reader.fault("definition", f"must have at most {DEFINITION_BYTES_MAX} bytes")
    reader.refuse()
    return found


class _Reader:
    """Reads on after a fault, so that one refusal tells them all."""

    def __init__(self) -> None:
        self._faults: list[tuple[str, str]] = []

    def fault(self, path: str, sentence: str) -> None:
        self._faults.append((path, sentence))

    def refuse(self) -> None:
        """Raises Refused when there was a fault."""
        if not self._faults:
            return
        told = "; ".join(f"{path} {sentence}" for path, sentence in self._faults[:NAMED_MAX])
        more = f"; and {len(self._faults) - NAMED_MAX} more" if len(self._faults) > NAMED_MAX else ""
        raise Refused(Code.invalid_value, f"{told}{more}.", field=self._faults[0][0])

    def definition(self, given: object, form_id: str | None) -> Definition | None:
        members = self._members(given, "definition", ("_id", "name", "type", "subtype", "roles", "fields"))
        if members is None:
            return None
        if form_id is not None:
            members = {"_id": form_id} | members
            if members["_id"] != form_id:
                self.fault("definition._id", f"must be {form_id}, or be left out")
        name, kind = self._text(members, "name", "definition"), self._text(members, "type", "definition")
        identity = self._text(members, "_id", "definition")
        return Definition(
            form_id=identity or "",
            name=name or "",
            type=kind or "",
            subtype=self._text(members, "subtype", "definition", required=False),
            roles=self._roles(members.get("roles")),
            fields=self._fields(members.get("fields")),
        )

    def _roles(self, given: object) -> tuple[str, ...]:
        if given is None:
            return ROLES
        if not isinstance(given, list) or not given or not all(role in ROLES for role in given):
            self.fault("definition.roles", f"must be a list of some of {', '.join(ROLES)}")
            return ROLES
        chosen = tuple(sorted(set(given)))
        return ROLES if chosen == ROLES else chosen

    def _fields(self, given: object) -> tuple[Field, ...]:
        if not isinstance(given, list) or not given:
            self.fault("definition.fields", "must be a list of at least one field")
            return ()
        if len(given) > FIELDS_MAX:
            self.fault("definition.fields", f"must have at most {FIELDS_MAX} fields, has {len(given)}")
            return ()
        found = [self._field(one, f"definition.fields[{number}]") for number, one in enumerate(given)]
        read = tuple(field for field in found if field is not None)
        for name in _twice(field.name for field in read):
            self.fault("definition.fields", f"name {name} more than once")
        return read

    def _field(self, given: object, path: str) -> Field | None:
        members = given if isinstance(given, dict) else {}
        kind = members.get("type")
        if isinstance(given, dict) and kind not in TYPES:
            self.fault(f"{path}.type", f"must be one of {', '.join(TYPES)}")
            return None
        members_or_none = self._members(given, path, (*_COMMON, *_OWN.get(str(kind), ())), f"a field of type {kind}")
        if members_or_none is None:
            return None
        name = members.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self.fault(f"{path}.name", "must have 1 to 64 of the characters A-Z a-z 0-9 _ . -")
            return None
        required = members.get("required")
        if required is not None and not isinstance(required, bool):
            self.fault(f"{path}.required", "must be true or false")
        label = self._text(members, "label", path, required=False)
        bounds = self._bounds(members, path, least=0 if kind == "pest" else -NUMBER_MAX)
        return Field(
            name=name,
            label=label or name,
            type=str(kind),
            required=required is True,
            hint=self._text(members, "hint", path, required=False, length_max=HINT_LENGTH_MAX),
            minimum=bounds[0],
            maximum=bounds[1],
            length_max=self._whole(members, "lengthMax", path, 1, TEXT_LENGTH_MAX),
            options=self._options(members, path) if kind in ("choice", "multichoice") else None,
            scale=self._whole(members, "scale", path, 1, SCALE_MAX),
        )

    def _bounds(self, members: dict[str, Any], path: str, least: int) -> tuple[Raw, Raw]:
        minimum, maximum = (self._amount(members, name, path, least) for name in ("minimum", "maximum"))
        if minimum is not None and maximum is not None and minimum > maximum:
            self.fault(f"{path}.minimum", "must not be above maximum")
        return _number(minimum), _number(maximum)

    def _amount(self, members: dict[str, Any], name: str, path: str, least: int) -> int | None:
        value = members.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fault(f"{path}.{name}", "must be a number")
            return None
        try:
            millionths = read_amount(repr(value).encode())
        except ValueError as e:
            self.fault(f"{path}.{name}", str(e))
            return None
        if not least * MILLION <= millionths <= NUMBER_MAX * MILLION:
            self.fault(f"{path}.{name}", f"must lie between {least} and {NUMBER_MAX}")
            return None
        return millionths

    def _whole(self, members: dict[str, Any], name: str, path: str, least: int, most: int) -> int | None:
        value = members.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and least <= value <= most):
            return value
        self.fault(f"{path}.{name}", f"must be a whole number from {least} to {most}")
        return None

    def _options(self, members: dict[str, Any], path: str) -> tuple[Option, ...]:
        given, path = members.get("options"), f"{path}.options"
        if not isinstance(given, list) or not given:
            self.fault(path, "must be a list of at least one option")
            return ()
        if len(given) > OPTIONS_MAX:
            self.fault(path, f"must have at most {OPTIONS_MAX} options, has {len(given)}")
            return ()
        found = []
        for number, one in enumerate(given):
            members_of_one = self._members(one, f"{path}[{number}]", ("value", "label"))
            value = None if members_of_one is None else self._text(members_of_one, "value", f"{path}[{number}]")
            if members_of_one is not None and value is not None:
                label = self._text(members_of_one, "label", f"{path}[{number}]", required=False)
                found.append(Option(value, label or value))
        for value in _twice(option.value for option in found):
            self.fault(path, f"have the value {value} more than once")
        return tuple(found)

    def _members(
        self, given: object, path: str, known: Iterable[str], of_what: str | None = None
    ) -> dict[str, Any] | None:
        """The members of an object; those that are not known are faults."""
        if not isinstance(given, dict):
            self.fault(path, "must be an object")
            return None
        for name in given:
            if name not in known:
                of = f" of {of_what}" if of_what else ""
                self.fault(f"{path}.{str(name)[:64]}", f"is no member{of}; known are {', '.join(known)}")
        return given

    def _text(
        self,
        members: dict[str, Any],
        name: str,
        path: str,
        *,
        required: bool = True,
        length_max: int = NAME_LENGTH_MAX,
    ) -> str | None:
        value = members.get(name)
        if value is not None and not isinstance(value, str):
            self.fault(f"{path}.{name}", "must be a text; in YAML put it in quotes")
            return None
        try:
            cleaned = texts.clean(value or "", length_max)
        except ValueError as e:
            self.fault(f"{path}.{name}", str(e))
            return None
        if not cleaned and required:
            self.fault(f"{path}.{name}", "is required")
        return cleaned or None


def _number(millionths: int | None) -> Raw:
    return NOTHING if millionths is None else Raw(amount_text(millionths).encode())


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]
