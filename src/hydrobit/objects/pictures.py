"""From a data URL to a picture that is safe to keep: decoded whole, made upright, and encoded anew.

None of it may hold up the event loop. The picture is decoded in a process of its own (`encoding`): some decoders hold
the interpreter for half a second, and what one of them does with a picture that was made to break it ends with the
process.
"""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE

from hydrobit.objects import data_urls
from hydrobit.objects.encoding import REFUSED
from hydrobit.storage.objects import Objects
from hydrobit.wire import fields

PICTURE_BYTES_MAX = 12 * 1024 * 1024
ENCODE_S_MAX = 30
CONTENT_TYPE = "image/jpeg"
FORMATS = {"image/jpeg": "JPEG", "image/jpg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
_WANTED = "a picture: data:image/jpeg;base64, (or png, or webp)"


async def picture(objects: Objects, text: memoryview, field: str, bytes_max: int = PICTURE_BYTES_MAX) -> bytes:
    """The picture of a JSON text that holds a data URL, as a JPEG. Raises Refused naming the field."""
    said, content = await objects.on_thread(data_urls.read, text, field, FORMATS, bytes_max, _WANTED)
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
