"""Reading a body: JSON to a shape, with an error that names the field, and the names of fields that the shape lacks."""

import re
from typing import Any, Generic, TypeVar, cast

import msgspec
from msgspec import Struct

from hydrobit.errors import Code, Refused

T = TypeVar("T", bound=Struct)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MISSING = re.compile(r"Object missing required field `([^`]+)`(?: - at `\$\.?([^`]*)`)?")
_WRONG = re.compile(r"Expected `([^`]+)`, got `([^`]+)`(?: - at `\$\.?([^`]*)`)?")
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

    def decode(self, body: bytes) -> tuple[T, tuple[str, ...]]:
        """The body's values and the names of its unknown fields. Raises Refused with a 400 code."""
        if not self._nested:
            try:
                return self._strict.decode(body), ()
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass  # the careful reading below tells what is wrong, or that a field is only unknown
        return self._decode_carefully(body)

    def _decode_carefully(self, body: bytes) -> tuple[T, tuple[str, ...]]:
        body = body.removeprefix(_BYTE_ORDER_MARK)
        try:
            everything = msgspec.json.decode(body)
            return self._lenient.decode(body), tuple(self._unknown(everything))
        except RecursionError as e:
            raise Refused(Code.invalid_json, "The body is nested too deeply.") from e
        except msgspec.ValidationError as e:
            raise refusal(str(e)) from e
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            raise Refused(Code.invalid_json, f"{_sentence(str(e))} Send UTF-8 JSON.") from e

    def _unknown(self, everything: Any) -> list[str]:
        if not isinstance(everything, dict):
            return []
        known = {field.encode_name for field in msgspec.structs.fields(self.shape)}
        unknown = [name for name in everything if name not in known]
        for name, inner in self._nested.items():
            if isinstance(value := everything.get(name), dict):
                inner_names = {field.encode_name for field in msgspec.structs.fields(inner)}
                unknown += [f"{name}.{member}" for member in value if member not in inner_names]
        return unknown


def refusal(message: str) -> Refused:
    """msgspec's message about a value as a refusal that names the field."""
    if match := _MISSING.fullmatch(message):
        field = f"{match[2]}.{match[1]}" if match[2] else match[1]
        return Refused(Code.missing_field, f"{field} is required.", field=field)
    if match := _WRONG.fullmatch(message):
        field = match[3] or "the body"
        if match[2] == "null":
            return Refused(Code.missing_field, f"{field} is required, not null.", field=field)
        return Refused(Code.wrong_type, f"{field} must be {_word(match[1])}, not {_word(match[2])}.", field=field)
    match = _OTHER.fullmatch(message)
    assert match is not None
    return Refused(Code.invalid_value, f"{match[2] or 'the body'}: {_sentence(match[1])}", field=match[2] or "")


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
