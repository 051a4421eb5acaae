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

    All media are read before the first is kept, so that a bad one leaves nothing behind.
    """
    read = [(medium, *await _read(context, medium)) for medium in checked.media]
    kept: dict[int, Mapping[str, str]] = {}
    for medium, content_type, content in read:
        digest = await objects.keep(context, company, content, content_type, now)
        kept[id(medium)] = {OBJECT: digest, "contentType": content_type}
    return [(field, _with_kept(value, kept)) for field, value in checked.values]


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
