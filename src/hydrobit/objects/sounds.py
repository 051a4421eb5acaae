"""Audio from a data URL: kept as it is, once its first bytes show that it is what it says.

Nothing is decoded here: a sound is only ever served to be saved, never shown in a page of ours.
"""

from collections.abc import Callable

from hydrobit.objects import data_urls
from hydrobit.storage.objects import Objects
from hydrobit.wire import fields

SOUND_BYTES_MAX = 16 * 1024 * 1024
_DOCTYPE_WITHIN = 64
"""In so many of the first bytes a WebM file says that it is one."""
_WANTED = "audio: data:audio/mp4;base64, (or mpeg, aac, ogg, webm, wav, 3gpp, amr)"


def _is_mp4(head: bytes) -> bool:
    return head[4:8] == b"ftyp"


def _is_3gp(head: bytes) -> bool:
    return head[4:10] == b"ftyp3g"


def _is_mp3(head: bytes) -> bool:
    """An ID3 tag, or the sync of a frame of layer III."""
    return head.startswith(b"ID3") or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2)


def _is_aac(head: bytes) -> bool:
    """ADTS, whose layer bits are zero, or ADIF."""
    return head.startswith(b"ADIF") or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0)


def _is_ogg(head: bytes) -> bool:
    return head.startswith(b"OggS")


def _is_webm(head: bytes) -> bool:
    return head.startswith(b"\x1a\x45\xdf\xa3") and b"webm" in head


def _is_wav(head: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == b"WAVE"


def _is_amr(head: bytes) -> bool:
    return head.startswith((b"#!AMR\n", b"#!AMR-WB\n"))


_MP4, _MP3, _AAC, _OGG = ("audio/mp4", _is_mp4), ("audio/mpeg", _is_mp3), ("audio/aac", _is_aac), ("audio/ogg", _is_ogg)
_WAV, _3GP, _AMR = ("audio/wav", _is_wav), ("audio/3gpp", _is_3gp), ("audio/amr", _is_amr)
KINDS: dict[str, tuple[str, Callable[[bytes], bool]]] = {
    **dict.fromkeys(("audio/mp4", "audio/m4a", "audio/x-m4a"), _MP4),
    **dict.fromkeys(("audio/mpeg", "audio/mp3"), _MP3),
    **dict.fromkeys(("audio/aac", "audio/x-aac"), _AAC),
    **dict.fromkeys(("audio/ogg", "audio/opus"), _OGG),
    "audio/webm": ("audio/webm", _is_webm),
    **dict.fromkeys(("audio/wav", "audio/x-wav", "audio/wave"), _WAV),
    **dict.fromkeys(("audio/3gpp", "audio/3gp"), _3GP),
    **dict.fromkeys(("audio/amr", "audio/amr-wb"), _AMR),
}
"""By the type that phones say: the type under which it is kept, and how its first bytes look."""


async def sound(objects: Objects, text: memoryview, field: str) -> tuple[str, bytes]:
    """The type and bytes of the audio in a JSON text that holds a data URL. Raises Refused naming the field."""
    said, content = await objects.on_thread(data_urls.read, text, field, KINDS, SOUND_BYTES_MAX, _WANTED)
    content_type, is_it = KINDS[said]
    if not is_it(content[:_DOCTYPE_WITHIN]):
        raise fields.invalid(field, f"says that it is {said}, and is not")
    return content_type, content
