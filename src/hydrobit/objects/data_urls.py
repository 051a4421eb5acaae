"""Reading a data URL out of a JSON text, in steps: a step that reads many bytes at once holds up every other thread."""

import binascii
from collections.abc import Container, Iterator
from hashlib import sha256

import msgspec

from hydrobit.errors import Code, Refused
from hydrobit.wire import fields

STEP_BYTES = 256 * 1024
_HEAD_BYTES_MAX = 128
_ESCAPE_BYTES_MAX = 6


def read(text: memoryview, field: str, types: Container[str], bytes_max: int, wanted: str) -> tuple[str, bytes]:
    """The type that the data URL says, without its parameters, and its bytes. Takes a while; for a thread.

    Raises Refused naming the field: for what is no base64 data URL of one of the types (`wanted` tells them), or longer
    than `bytes_max`.
    """
    if bytes(text[:1]) != b'"':
        raise Refused(Code.wrong_type, f"{field} must be a text.", field=field)
    begin = bytes(text[1 : 1 + _HEAD_BYTES_MAX])
    head = _unescaped(text[1 : 2 + begin.find(b",")], field)
    said = head.removeprefix("data:").removesuffix(";base64,").partition(";")[0].strip().lower()
    if not head.startswith("data:") or not head.endswith(";base64,") or said not in types:
        raise fields.invalid(field, f"must be a base64 data URL of {wanted}")
    content: list[bytes] = []
    length, rest, skip = 0, "", len(head)
    for part in _parts(text[1:-1], field):
        rest, skip = rest + part[skip:], max(0, skip - len(part))
        if length % 3:
            raise fields.invalid(field, "goes on after the end of its base64")
        whole = len(rest) - len(rest) % 4
        try:
            content.append(binascii.a2b_base64(rest[:whole].encode("ascii"), strict_mode=True))
        except (binascii.Error, UnicodeEncodeError) as e:
            raise fields.invalid(field, "is not valid base64") from e
        rest = rest[whole:]
        length += len(content[-1])
        if length > bytes_max:
            raise fields.invalid(field, f"may have at most {bytes_max} bytes, decoded")
    if rest:
        raise fields.invalid(field, "is not whole base64")
    return said, b"".join(content)


def digest(text: memoryview, field: str) -> str:
    """SHA-256 of a JSON text as it reads once unescaped. Takes a while; for a thread. Raises Refused."""
    found = sha256()
    for part in _parts(text[1:-1], field):
        found.update(part.encode())
    return found.hexdigest()


def _parts(text: memoryview, field: str) -> Iterator[str]:
    """The text in steps, each unescaped; no escape is cut in two."""
    first = 0
    while first < len(text):
        end = min(first + STEP_BYTES, len(text))
        cut = bytes(text[max(first, end - _ESCAPE_BYTES_MAX) : end]).rfind(b"\\") if end < len(text) else -1
        if cut > 0 or (cut == 0 and end - _ESCAPE_BYTES_MAX > first):
            end = max(first, end - _ESCAPE_BYTES_MAX) + cut
        yield _unescaped(text[first:end], field)
        first = end


def _unescaped(part: memoryview, field: str) -> str:
    try:
        return msgspec.json.decode(b'"%b"' % bytes(part), type=str)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise fields.invalid(field, "is no base64 data URL") from e
