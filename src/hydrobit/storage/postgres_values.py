"""Values on their way to PostgreSQL and back: parameters, rows for COPY, and what a result holds."""

from collections.abc import Callable, Sequence
from typing import Any

from psycopg import pq

from hydrobit.storage.engine import Row


def encoded(value: Any) -> bytes | None:
    """Texts go in the binary format, which counts their bytes: in the other one a zero byte would end them."""
    match value:
        case None:
            return None
        case bytes():
            return value
        case str():
            return value.encode()
        case int():
            return b"%d" % value
        case float():
            return repr(value).encode()
    raise TypeError(f"a value of type {type(value).__name__} cannot be stored")


def finds_nothing(values: dict[str, object]) -> bool:
    """True where a text has a zero byte: PostgreSQL holds no such text, and does not even let it be asked for."""
    return any("\0" in value for value in values.values() if isinstance(value, str))


def as_lines(rows: Sequence[Sequence[object]]) -> bytes:
    """Rows in the text format of COPY."""
    writers = {kind: _writer(kind) for row in rows for kind in map(type, row)}
    return "".join(["\t".join([writers[type(value)](value) for value in row]) + "\n" for row in rows]).encode()


def _writer(kind: type) -> Callable[[Any], str]:
    for parent, write in _WRITERS:
        if issubclass(kind, parent):
            return write
    raise TypeError(f"a value of type {kind.__name__} cannot be stored")


def _text(value: str) -> str:
    return value if value.isalnum() else value.translate(_ESCAPED)


_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_WRITERS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (int, int.__repr__),
    (str, _text),
    (bytes, lambda value: f"\\\\x{value.hex()}"),
    (type(None), lambda value: "\\N"),
    (float, float.__repr__),
)


def as_row(result: pq.abc.PGresult, number: int, readers: Sequence[Callable[[bytes], Any]]) -> Row:
    """One row of a result, its values as SQLite has them."""
    value = result.get_value
    return tuple(
        [None if (found := value(number, column)) is None else read(found) for column, read in enumerate(readers)]
    )


def readers_of(result: pq.abc.PGresult) -> list[Callable[[bytes], Any]]:
    """How each column of a result is read."""
    return [_READERS.get(result.ftype(column), bytes.decode) for column in range(result.nfields)]


def _sum(text: bytes) -> int | float:
    """A sum of whole numbers is one; an average is not."""
    return float(text) if b"." in text or b"N" in text else int(text)


_READERS: dict[int, Callable[[bytes], Any]] = {
    16: lambda text: int(text == b"t"),  # a truth is 1 or 0, as SQLite has it
    17: lambda text: bytes.fromhex(text[2:].decode()),
    20: int,
    21: int,
    23: int,
    700: float,
    701: float,
    1700: _sum,
}
"""By the number that PostgreSQL gives a type; the others are texts."""
