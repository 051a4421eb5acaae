"""Reading a body: JSON to a shape, with an error that names the field, and the names of fields that the shape lacks."""

import re
from typing import Any, Generic, TypeVar, cast, get_origin

import msgspec
from msgspec import Struct

from hydrobit.errors import Code, Refused

T = TypeVar("T", bound=Struct)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MISSING = re.compile(r"Object missing required field `([^`]+)`(?: - at `\$\.?([^`]*)`)?")
_WRONG = re.compile(r"Expected `([^`]+)`, got `([^`]+)`(?: - at `\$\.?([^`]*)`)?")
_names = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_OTHER = re.compile(r"(.+?)(?: - at `\$\.?([^`]*)`)?")
_WORDS = {"str": "a text", "int": "a whole number", "object": "an object", "array": "a list", "bool": "a boolean"}


class Body(Generic[T]):
    """Decodes one shape. The usual body is read once; one with unknown fields a second time to name them."""

    def __init__(self, shape: type[T]) -> None:
        self.shape = shape
        strict = cast(type[T], msgspec.defstruct(shape.__name__, [], bases=(shape,), forbid_unknown_fields=True))
        self._strict = msgspec.json.Decoder(strict)
        self._lenient = msgspec.json.Decoder(shape)
        self._nested = {
            field.encode_name: inner for field in msgspec.structs.fields(shape) if (inner := _inner_shape(field.type))
        }
        self._listed = {
            field.encode_name: inner for field in msgspec.structs.fields(shape) if (inner := _shape_in_list(field.type))
        }

    def decode(self, body: bytes) -> tuple[T, tuple[str, ...]]:
        """The body's values and the names of its unknown fields. Raises Refused with a 400 code."""
        if not (self._nested or self._listed):
            try:
                return self._strict.decode(body), ()
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass  # the careful reading below tells what is wrong, or that a field is only unknown
        return self._decode_carefully(body)

    def _decode_carefully(self, body: bytes) -> tuple[T, tuple[str, ...]]:
        body = body.removeprefix(_BYTE_ORDER_MARK)
        try:
            return self._lenient.decode(body), tuple(self._unknown(body))
        except RecursionError as e:
            raise Refused(Code.invalid_json, "The body is nested too deeply.") from e
        except msgspec.ValidationError as e:
            raise refusal(str(e)) from e
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            raise Refused(Code.invalid_json, f"{_sentence(str(e))} Send UTF-8 JSON.") from e

    def _unknown(self, body: bytes) -> list[str]:
        """The names of members that the shape lacks; whatever stands in them is passed over unread."""
        body.decode()  # what is passed over must be UTF-8 too
        members = _names.decode(body)
        unknown = [name for name in members if name not in _members(self.shape)]
        for name, inner in self._nested.items():
            value = bytes(members.get(name, b"null"))
            if value != b"null":
                unknown += [f"{name}.{member}" for member in _names.decode(value) if member not in _members(inner)]
        for name, inner in self._listed.items():
            value = bytes(members.get(name, b"null"))
            for place, element in enumerate(_elements.decode(value) if value != b"null" else ()):
                unknown += [f"{name}[{place}].{member}" for member in element if member not in _members(inner)]
        return unknown


def refusal(message: str) -> Refused:
    """msgspec's message about a value as a refusal that names the field."""
    if match := _MISSING.fullmatch(message):
        field = f"{match[2]}.{match[1]}" if match[2] else match[1]
        return Refused(Code.missing_field, f"{field} is required.", field=field)
    if match := _WRONG.fullmatch(message):
        if match[2] == "null":
            return _at(match[3], Code.missing_field, "is required, not null.")
        return _at(match[3], Code.wrong_type, f"must be {_word(match[1])}, not {_word(match[2])}.")
    match = _OTHER.fullmatch(message)
    assert match is not None
    return _at(match[2], Code.invalid_value, f"cannot be used: {_sentence(match[1])}")


def _at(field: str | None, code: Code, sentence: str) -> Refused:
    if not field:
        return Refused(code, f"The body {sentence}")
    return Refused(code, f"{field} {sentence}", field=field)


def _members(shape: type[Struct]) -> tuple[str, ...]:
    return shape.__struct_encode_fields__


def _word(name: str) -> str:
    name = name.removesuffix(" | null")
    return _WORDS.get(name, name)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:200]}."


def _inner_shape(annotation: Any) -> type[Struct] | None:
    """The struct inside `Shape | None`, if the field is one."""
    for part in getattr(annotation, "__args__", (annotation,)):
        if isinstance(part, type) and issubclass(part, Struct):
            return part
    return None


def _shape_in_list(annotation: Any) -> type[Struct] | None:
    """The struct inside `list[Shape] | None`, if the field is such a list."""
    kinds = [annotation, *getattr(annotation, "__args__", ())]
    kinds += [kind.__origin__ for kind in kinds if hasattr(kind, "__metadata__")]
    return next((_inner_shape(kind) for kind in kinds if get_origin(kind) is list), None)
