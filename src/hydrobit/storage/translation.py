"""The shared texts in PostgreSQL's words: its marks, its types, an insert of many rows as a COPY.

This is all that differs word by word. What differs otherwise has a text of its own under `-- engine: postgres`.
"""

import re

_MARK = re.compile(r"'[^']*'|\?")
_HINT = re.compile(r" (not indexed|indexed by \w+)\b")
_COLUMN = re.compile(r"^(\s+\w+|alter table \w+ add column \w+) (integer|text|blob|real)\b", re.MULTILINE)
_OPTIONS = re.compile(r"\) strict(, without rowid)?$")
_INSERT = re.compile(r"insert into (\w+) (\([\w\s,]+\)) values \((\?|[\s,])+\)")
_TYPES = {"integer": "bigint", "blob": "bytea", "real": "double precision", "text": 'text collate "C"'}
"""A text is compared byte by byte, as SQLite does, in whatever language the database was made."""


def statement(text: str) -> str:
    """A query with `$1`, `$2` in place of its positional marks, and without hints to SQLite's planner."""
    place = 0

    def mark(match: re.Match[str]) -> str:
        nonlocal place
        if match[0] != "?":
            return match[0]
        place += 1
        return f"${place}"

    return _HINT.sub("", _MARK.sub(mark, text)).replace(" instr(", " strpos(")


def schema(text: str) -> str:
    """A statement of a migration; each column stands on a line of its own."""
    return _OPTIONS.sub(")", _COLUMN.sub(lambda match: f"{match[1]} {_TYPES[match[2]]}", text))


def as_copy(text: str) -> str | None:
    """The COPY that takes the rows of an insert of plain values; None for any other statement."""
    match = _INSERT.fullmatch(re.sub(r"\s+", " ", text))
    return None if match is None else f"copy {match[1]} {match[2]} from stdin"
