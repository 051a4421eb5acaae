"""A crew as a CSV file, as spreadsheet programs write them: to people with checked values, and every line that is bad.

The first line names the columns, in any order, by the words below; other columns are passed over and told. The
separator is the comma, semicolon or tab that makes sense of that line. What a value has to be, `reading` says, as for
one worker; here stands only how a file writes it.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from hydrobit.errors import Refused
from hydrobit.kit.folding import fold
from hydrobit.wire import fields
from hydrobit.wire.workers import WorkerInput
from hydrobit.workers import reading
from hydrobit.workers.reading import NewWorker

FIELD = "csv"
FILE_BYTES_MAX = 8 * 1024 * 1024
LINES_MAX = 20_000
"""So many people at once; all of them are written in one transaction, and counts wait behind it."""
COLUMNS_MAX = 100
FIRST_LINE_LENGTH_MAX = 20_000
VALUE_LENGTH_MAX = 60
"""So much of a bad value is shown."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "first_name": ("firstname", "given name", "nombre", "nombres"),
    "last_name": ("lastname", "surname", "family name", "apellido", "apellidos"),
    "hire_date": ("hired", "start date", "fecha ingreso", "fecha de ingreso", "fecha de contratacion"),
    "position": ("job", "job title", "puesto", "cargo"),
    "employment_type": ("employment", "tipo de empleo", "tipo de contrato"),
    "status": ("estado", "estatus"),
    "phone": ("telephone", "mobile", "telefono", "celular"),
    "email": ("e mail", "correo", "correo electronico"),
    "termination_date": ("fecha de baja", "fecha de salida"),
    "hourly_rate": ("rate", "tarifa", "pago por hora"),
    "emergency_contact_name": ("emergency contact", "contacto de emergencia"),
    "emergency_contact_phone": ("emergency phone", "telefono de emergencia"),
    "skills": ("habilidades",),
    "notes": ("notas", "observaciones"),
}
"""The words for each column beside its own name; upper case, accents, `_`, `-` and `.` make no difference."""
REQUIRED = ("first_name", "last_name", "hire_date", "position", "employment_type")

_FIELD_OF = {word: name for name, words in COLUMNS.items() for word in (name.replace("_", " "), *words)}
_SEPARATORS = (",", ";", "\t")
_NAMES = ("first_name", "last_name", "emergency_contact_name")
_DATES = ("hire_date", "termination_date")
_DAY_MONTH_YEAR = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})", re.ASCII)
_DECIMAL_COMMA = re.compile(r"\d+,(\d{1,2}|\d{4,6})", re.ASCII)
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,12})?", re.ASCII)
_BETWEEN_SKILLS = re.compile(r"[|;,]")


class BadLine(msgspec.Struct, frozen=True):
    """What is wrong with a line of the file. `column` is named as the file does; None where the line itself is bad."""

    line: int
    column: str | None
    value: str | None
    detail: str


class Member(msgspec.Struct, frozen=True):
    """A person, and the line of the file where it stands."""

    line: int
    new: NewWorker


class Crew(msgspec.Struct, frozen=True):
    """What a file says. `headers` are the columns that are known, as the file names them, by their field."""

    separator: str
    headers: dict[str, str]
    passed_over: list[str]
    members: list[Member]
    bad_lines: list[BadLine]


def decode(content: bytes) -> tuple[str, str]:
    """The text of a file, and the encoding that was assumed. Raises Refused when it is no text.

    A byte-order mark decides; else what is UTF-8 is that, and the rest is Windows-1252, of which Latin-1 is a part.
    """
    if len(content) > FILE_BYTES_MAX:
        raise fields.invalid(FIELD, f"must have at most {FILE_BYTES_MAX} bytes")
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding, name in (("utf-16", "UTF-16"),) if is_utf16 else (("utf-8-sig", "UTF-8"), ("cp1252", "Windows-1252")):
        try:
            return content.decode(encoding), name
        except UnicodeDecodeError:
            continue
    raise fields.invalid(FIELD, "must be text in UTF-8 or Windows-1252; save it as CSV UTF-8")


def read(text: str) -> Crew:
    """The people of a file and its bad lines. Takes a while for a long one. Raises Refused for the file as a whole."""
    if len(text) > FILE_BYTES_MAX or len(text.encode(errors="replace")) > FILE_BYTES_MAX:
        raise fields.invalid(FIELD, f"must have at most {FILE_BYTES_MAX} bytes")
    text, separator = _separator(text.removeprefix("\ufeff"))
    lines = _lines(text, separator)
    _, header = next(lines, (0, []))
    places = _places(header)
    rows = list(lines)
    if len(rows) > LINES_MAX:
        raise fields.invalid(FIELD, f"must have at most {LINES_MAX} lines; send them in several files")
    day_first = {
        name: _is_day_first(row[places[name]] for _, row in rows if len(row) > places[name])
        for name in _DATES
        if name in places
    }
    headers = {name: header[place].strip() for name, place in places.items()}
    known = set(places.values())
    others = [cell.strip()[:VALUE_LENGTH_MAX] for place, cell in enumerate(header) if place not in known]
    crew = Crew("tab" if separator == "\t" else separator, headers, list(filter(None, others)), [], [])
    for line, row in rows:
        cells = {name: row[place].strip() for name, place in places.items() if place < len(row)}
        try:
            _require_fit(row, header)
            crew.members.append(Member(line, _person(cells, day_first)))
        except Refused as e:
            crew.bad_lines.append(bad_line(line, cells, headers, e))
    return crew


def bad_line(line: int, cells: dict[str, str], headers: dict[str, str], refused: Refused) -> BadLine:
    """A refusal of one person as what is wrong with the line."""
    field = str(refused.extra.get("field"))
    value = cells.get(field)
    return BadLine(line, headers.get(field), value[:VALUE_LENGTH_MAX] if value else None, refused.detail)


def _separator(text: str) -> tuple[str, str]:
    """The text below a line such as `sep=;`, and the separator: the one that makes the most of the first line known."""
    first, _, rest = text.partition("\n")
    if first.strip().lower()[:4] == "sep=":
        said = first.strip("\r\n")[4:5]
        if said in _SEPARATORS:
            # The empty line in its place keeps the numbers of the lines.
            return "\n" + rest, said
    header = text[:FIRST_LINE_LENGTH_MAX].lstrip("\r\n").splitlines()[:1]
    return text, max(_SEPARATORS, key=lambda one: sum(_key(cell) in _FIELD_OF for cell in "".join(header).split(one)))


def _lines(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not blank, with its number in the file. Raises Refused where the quotes go wrong."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for row in rows:
            if any(cell and not cell.isspace() for cell in row):
                yield line, row
            line = rows.line_num + 1
    except csv.Error as e:
        raise fields.invalid(FIELD, f"cannot be read from line {line} on ({e}); look at its quotes") from e


def _places(header: list[str]) -> dict[str, int]:
    """Where each known column stands. Raises Refused when one stands twice or a required one is missing."""
    if len(header) > COLUMNS_MAX:
        raise fields.invalid(FIELD, f"may have at most {COLUMNS_MAX} columns")
    places: dict[str, int] = {}
    for place, cell in enumerate(header):
        name = _FIELD_OF.get(_key(cell))
        if name is None:
            continue
        if name in places:
            first = header[places[name]].strip()
            raise fields.invalid(FIELD, f"has two columns for {name}, {first!r} and {cell.strip()!r}; leave one out")
        places[name] = place
    absent = [name for name in REQUIRED if name not in places]
    if absent:
        raise fields.invalid(
            FIELD,
            f"must name its columns in the first line; {', '.join(absent)} cannot be found in {_shown(header)}",
        )
    return places


def _shown(header: list[str]) -> str:
    names = ", ".join(repr(cell.strip()[:VALUE_LENGTH_MAX]) for cell in header[:20])
    return names or "an empty file"


def _key(cell: str) -> str:
    return fold(re.sub(r"[_.\-]", " ", cell.strip().strip('"')[:100]))


def _is_day_first(cells: Iterable[str]) -> bool:
    """Whether a column writes day, month and year: some first number can be no month, and no second number is a day."""
    found = [match for cell in cells if (match := _DAY_MONTH_YEAR.fullmatch(cell.strip()))]
    return any(int(match[1]) > 12 for match in found) and all(int(match[2]) <= 12 for match in found)


def _require_fit(row: list[str], header: list[str]) -> None:
    if any(cell.strip() for cell in row[len(header) :]):
        raise fields.invalid(
            "the line", f"has {len(row)} cells, and the first line has {len(header)}; quote separators"
        )


def _person(cells: dict[str, str], day_first: dict[str, bool]) -> NewWorker:
    """Raises Refused naming the field."""
    for name, cell in cells.items():
        _require_plain(name, cell)
    given: dict[str, Any] = {
        name: cell for name, cell in cells.items() if cell and name not in ("skills", "hourly_rate")
    }
    for name in REQUIRED:
        if name not in given:
            raise fields.missing(name)
    for name in _DATES:
        if name in given:
            given[name] = _day(name, given[name], day_first[name])
    return reading.new_worker(
        WorkerInput(
            auth0Id="",
            **given,
            skills=[skill for skill in _BETWEEN_SKILLS.split(cells.get("skills", "")) if skill.strip()],
            hourly_rate=_rate(cells.get("hourly_rate", "")),
        )
    )


def _require_plain(name: str, cell: str) -> None:
    """No person is called `=HYPERLINK(...)`; and a name that could not be decoded is not one to be paid by."""
    if cell.startswith(("=", "@")) or (name in _NAMES and cell.startswith(("+", "-"))):
        raise fields.invalid(name, "looks like a formula; write the text itself")
    if "\N{REPLACEMENT CHARACTER}" in cell:
        raise fields.invalid(name, "holds a character that was lost; save the file as CSV UTF-8")


def _day(name: str, cell: str, is_day_first: bool) -> str:
    match = _DAY_MONTH_YEAR.fullmatch(cell)
    if match is None:
        return cell
    day, month, year = match.groups()
    if not is_day_first and day != month:
        raise fields.invalid(name, "may be day first or month first; write it as 2025-03-15")
    return f"{year}-{month:0>2}-{day:0>2}"


def _rate(cell: str) -> msgspec.Raw:
    """A number with a point, or with a comma that cannot stand between thousands. `reading` judges it."""
    if not cell:
        return fields.nothing()
    number = cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell
    if _NUMBER.fullmatch(number) is None:
        raise fields.invalid("hourly_rate", "must be a number such as 18.5, without a sign between thousands")
    return msgspec.Raw(number.encode())
