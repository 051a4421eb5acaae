"""From a data URL to a picture that is safe to keep: decoded whole, made upright, and encoded anew.

None of it may hold up the event loop. The text is read on a thread, in steps, because a step that reads many bytes at
once holds up every other thread. The picture is decoded in a process of its own (`encoding`): some decoders hold the
interpreter for half a second, and what one of them does with a picture that was made to break it ends with the process.
"""

import asyncio
import binascii
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator

import msgspec

from hydrobit.errors import Code, Refused
from hydrobit.objects.encoding import REFUSED
from hydrobit.storage.objects import Objects
from hydrobit.wire import fields

PICTURE_BYTES_MAX = 12 * 1024 * 1024
ENCODE_S_MAX = 30
STEP_BYTES = 256 * 1024
CONTENT_TYPE = "image/jpeg"
FORMATS = {"image/jpeg": "JPEG", "image/jpg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}

_HEAD_BYTES_MAX = 64
_ESCAPE_BYTES_MAX = 6


async def picture(objects: Objects, raw: msgspec.Raw, field: str) -> bytes:
    """The picture of a JSON text that holds a data URL, as a JPEG. Raises Refused naming the field."""
    said, content = await objects.on_thread(_data_url, memoryview(raw), field)
    async with objects.one_at_a_time:
        return await _encoded_anew(content, said, field)


async def _encoded_anew(content: bytes, said: str, field: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hydrobit.objects.encoding", FORMATS[said]), stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(content), ENCODE_S_MAX)
    except TimeoutError as e:
        raise fields.invalid(field, f"takes longer than {ENCODE_S_MAX} s to decode") from e
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == REFUSED:
        raise fields.invalid(field, out.decode())
    if process.returncode != 0:
        raise fields.invalid(field, f"is no whole picture of the type {said}")
    return out


def _data_url(text: memoryview, field: str) -> tuple[str, bytes]:
    """The type that the data URL says, and its bytes."""
    if bytes(text[:1]) != b'"':
        raise Refused(Code.wrong_type, f"{field} must be a text.", field=field)
    begin = bytes(text[1 : 1 + _HEAD_BYTES_MAX])
    head = _unescaped(text[1 : 2 + begin.find(b",")], field)
    said = head.removeprefix("data:").removesuffix(";base64,").lower()
    if not head.startswith("data:") or not head.endswith(";base64,") or said not in FORMATS:
        raise fields.invalid(field, "must be a base64 data URL of a picture: data:image/jpeg;base64, (or png, or webp)")
    content = bytearray()
    rest, skip = "", len(head)
    for part in _parts(text[1:-1], field):
        rest, skip = rest + part[skip:], max(0, skip - len(part))
        if content and len(content) % 3:
            raise fields.invalid(field, "goes on after the end of its base64")
        whole = len(rest) - len(rest) % 4
        try:
            content += binascii.a2b_base64(rest[:whole].encode("ascii"), strict_mode=True)
        except (binascii.Error, UnicodeEncodeError) as e:
            raise fields.invalid(field, "is not valid base64") from e
        rest = rest[whole:]
        if len(content) > PICTURE_BYTES_MAX:
            raise fields.invalid(field, f"may have at most {PICTURE_BYTES_MAX} bytes, decoded")
    if rest:
        raise fields.invalid(field, "is not whole base64")
    return said, bytes(content)


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
    except msgspec.DecodeError as e:
        raise fields.invalid(field, "is no base64 data URL") from e
