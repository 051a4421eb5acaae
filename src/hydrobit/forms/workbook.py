"""The sheets of an XLSX workbook from outside, as texts, within limits.

A workbook is a zip of XML, so a small file may hold a very large one: what it would unpack to is looked at before
anything is, and rows and columns are read up to a limit however far a sheet says it goes.
"""

import io
import itertools
import zipfile
from collections.abc import Iterable
from typing import Any

import msgspec

from hydrobit.errors import Refused
from hydrobit.wire import fields

FIELD = "xlsform"
FILE_BYTES_MAX = 5 * 1024 * 1024
UNPACKED_BYTES_MAX = 32 * 1024 * 1024
PARTS_MAX = 1_000
ROWS_MAX = 5_000
COLUMNS_MAX = 200
FORMAT_ROWS_MAX = 1_048_576
"""More lines than that no XLSX sheet has."""
CELL_LENGTH_MAX = 10_000
_OLD_FORMAT = b"\xd0\xcf\x11\xe0"


class Sheet(msgspec.Struct, frozen=True):
    """A sheet below its line of headers. The first of `rows` is line 2 of the sheet; an empty line is an empty row."""

    headers: list[str]
    rows: list[dict[str, str]]


def read(content: bytes, names: Iterable[str]) -> dict[str, Sheet]:
    """Those sheets of the workbook that have one of these names, upper case aside. Raises Refused."""
    _require_workbook(content)
    import openpyxl  # takes a while to import, and only this needs it

    wanted = frozenset(names)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except Exception as e:  # what a damaged workbook raises, no document tells
        raise _damaged() from e
    try:
        found = {name.lower(): book[name] for name in book.sheetnames if name.lower() in wanted}
        return {name: _sheet(name, _lines(sheet)) for name, sheet in found.items()}
    finally:
        book.close()


def _require_workbook(content: bytes) -> None:
    if len(content) > FILE_BYTES_MAX:
        raise fields.invalid(FIELD, f"must have at most {FILE_BYTES_MAX} bytes")
    if content.startswith(_OLD_FORMAT):
        raise fields.invalid(FIELD, "is a workbook of the old format or has a password; save it as .xlsx without one")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as e:
        raise fields.invalid(FIELD, "is no XLSX workbook; save the form as .xlsx") from e
    if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
        raise fields.invalid(FIELD, f"must unpack to at most {UNPACKED_BYTES_MAX} bytes in {PARTS_MAX} parts")


def _lines(sheet: Any) -> list[tuple[Any, ...]]:
    """The lines of a sheet, none of them past the limits, the empty ones at its end left out."""
    sheet.reset_dimensions()  # a sheet that states its size wrongly would be cut
    lines = sheet.iter_rows(max_col=COLUMNS_MAX + 1, values_only=True)
    try:
        found = list(itertools.islice(lines, ROWS_MAX + 1))
        # Programs leave empty lines below what was written; one that is not empty must not be lost without a word.
        below = itertools.islice(lines, FORMAT_ROWS_MAX)
        goes_on = any(map(_says_something, below)) or next(lines, None) is not None
    except Exception as e:  # as above: the sheet is only read here
        raise _damaged() from e
    if goes_on:
        raise fields.invalid(FIELD, f"may have at most {ROWS_MAX} rows in a sheet; {sheet.title[:100]} has more")
    while found and not _says_something(found[-1]):
        found.pop()
    return found


def _says_something(line: tuple[Any, ...]) -> bool:
    return line.count(None) < len(line)


def _sheet(name: str, lines: list[tuple[Any, ...]]) -> Sheet:
    if any(value is not None for line in lines for value in line[COLUMNS_MAX:]):
        raise fields.invalid(FIELD, f"may have at most {COLUMNS_MAX} columns in a sheet; {name} has more")
    headers = [" ".join(_text(value, name, 1).split()) for value in (lines[0] if lines else ())]
    named = [header for header in headers if header]
    if len(set(named)) < len(named):
        raise fields.invalid(FIELD, f"has a column twice in the sheet {name}; give each its own name")
    rows = [
        {
            header: text
            for header, value in zip(headers, line, strict=False)
            if header and (text := _text(value, name, number))
        }
        for number, line in enumerate(lines[1:], start=2)
    ]
    return Sheet(named, rows)


def _text(value: Any, sheet: str, row: int) -> str:
    """A cell as a person reads it: whole numbers without a point, truth in capitals, no space around."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).replace("\N{NO-BREAK SPACE}", " ").strip()
    if len(text) > CELL_LENGTH_MAX:
        raise fields.invalid(FIELD, f"has more than {CELL_LENGTH_MAX} characters in a cell of {sheet} row {row}")
    return text


def _damaged() -> Refused:
    return fields.invalid(FIELD, "is a damaged XLSX workbook; open it in a spreadsheet program and save it anew")
