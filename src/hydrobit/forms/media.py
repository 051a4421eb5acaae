"""Photos, audio and signatures of a record: read from their data URLs and kept, before a row names them."""

from collections.abc import Mapping
from typing import Any

from hydrobit.forms.answers import Checked, Medium, media_in
from hydrobit.objects import pictures, sounds
from hydrobit.objects import service as objects
from hydrobit.operation import Context

SIGNATURE_BYTES_MAX = 1024 * 1024
OBJECT = "object"
"""In a stored answer: the digest of the object that it is."""


async def keep(context: Context, company: int, checked: Checked, now: int) -> list[tuple[str, Any]]:
    """The answers with what was kept in the place of media. Raises Refused naming the field, StoreError.

    Each is kept before the next one is read, so that only one is in memory decoded. What was kept before a bad one is
    named by no row, and the sweep finds it.
    """
    kept = {id(medium): await _kept(context, company, medium, now) for medium in checked.media}
    return [(field, _with_kept(value, kept)) for field, value in checked.values]


async def _kept(context: Context, company: int, medium: Medium, now: int) -> Mapping[str, str]:
    content_type, content = await _read(context, medium)
    return {OBJECT: await objects.keep(context, company, content, content_type, now), "contentType": content_type}


async def _read(context: Context, medium: Medium) -> tuple[str, bytes]:
    if medium.type == "audio":
        return await sounds.sound(context.objects, medium.text, medium.path)
    bytes_max = SIGNATURE_BYTES_MAX if medium.type == "signature" else pictures.PICTURE_BYTES_MAX
    return pictures.CONTENT_TYPE, await pictures.picture(context.objects, medium.text, medium.path, bytes_max)


def _with_kept(value: Any, kept: Mapping[int, Mapping[str, str]]) -> Any:
    media = media_in(value)
    if not media:
        return value
    found = [kept[id(medium)] for medium in media]
    return found if isinstance(value, list) else found[0]
