"""Data URLs are lifted out of a large body before it is decoded, so that what a decoder goes through is short.

msgspec goes through a body of 64 MiB in one step of 80 ms, in which no other thread runs. Here it is searched in small
steps instead. In the place of each text that is taken out stands a mark: a text of NUL and a number. No text of a
request may hold NUL, so a mark is never taken for something else; who sends one himself names a text of his own body.
"""

import re

import msgspec

from hydrobit.errors import Code, Refused

LIFTED_BYTES_MIN = 1_024
STEP_BYTES = 512 * 1024
_BEGIN, _QUOTE, _BACKSLASH = b'"data:', b'"', ord("\\")
_MARK = re.compile(r"\0(\d{1,6})", re.ASCII)
_MARK_BYTES_MAX = 14


class Lifted(msgspec.Struct, frozen=True):
    """What remains of a body, and the JSON texts that were taken out of it, quotes included."""

    rest: bytes
    texts: tuple[memoryview, ...]

    def marked(self, text: str) -> memoryview | None:
        """The text that a mark stands for; None when it is no mark."""
        mark = _MARK.fullmatch(text)
        return self.texts[int(mark[1])] if mark and int(mark[1]) < len(self.texts) else None

    def whole(self, raw: msgspec.Raw) -> memoryview:
        """The JSON of a value as it was sent."""
        sent = memoryview(raw)
        if len(sent) > _MARK_BYTES_MAX or not bytes(sent).startswith(b'"\\u0000'):
            return sent
        return self.marked(msgspec.json.decode(sent, type=str)) or sent


def lift(body: bytes, rest_bytes_max: int) -> Lifted:
    """Takes the long data URLs out of a JSON body. Raises Refused, body_too_large, when too much remains.

    A base64 text holds no escaped quote, so its first quote ends it; a text that has one is left where it stands. What
    was no JSON is none afterwards; whether a text that was taken out is any, its reader says.
    """
    texts: list[memoryview] = []
    rest: list[bytes] = []
    view, rest_length, kept_to, first = memoryview(body), 0, 0, 0
    while (begin := _find(body, _BEGIN, first)) >= 0:
        _require_short(rest_length + begin - kept_to, rest_bytes_max)
        first = begin + len(_BEGIN)
        if body[begin - 1] == _BACKSLASH:
            continue
        quote = _find(body, _QUOTE, first)
        if quote < 0:
            break
        first = quote + 1
        if body[quote - 1] == _BACKSLASH or first - begin < LIFTED_BYTES_MIN:
            continue
        rest += (body[kept_to:begin], b'"\\u0000%d"' % len(texts))
        rest_length += begin - kept_to + len(rest[-1])
        texts.append(view[begin:first])
        kept_to = first
    _require_short(rest_length + len(body) - kept_to, rest_bytes_max)
    return Lifted(b"".join([*rest, body[kept_to:]]) if texts else body, tuple(texts))


def _find(body: bytes, wanted: bytes, first: int) -> int:
    """Where it stands next; -1 when nowhere. A step takes about a millisecond; other threads run between two."""
    while first < len(body):
        found = body.find(wanted, first, first + STEP_BYTES + len(wanted) - 1)
        if found >= 0:
            return found
        first += STEP_BYTES
    return -1


def _require_short(length: int, length_max: int) -> None:
    if length > length_max:
        raise Refused(
            Code.body_too_large, f"Without its photos and media the body may have at most {length_max} bytes."
        )
