"""What several commands share: flags, settings, a store opened beside a running server, files, rows of a list."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from cyclopts import Parameter

from hydrobit import settings as settings_module
from hydrobit.errors import SettingError, StoreError
from hydrobit.kit.clock import SystemClock
from hydrobit.settings import Settings
from hydrobit.storage.engine import Store

if TYPE_CHECKING:
    from hydrobit.audit.service import Author

Data = Annotated[Path | None, Parameter(name="--data", help="The data directory (HYDROBIT_DATA; default ./data).")]

Company = Annotated[str, Parameter(name="--company", help="The company's id.")]

AsJson = Annotated[bool, Parameter(name="--json", help="One JSON object a line.")]

PAGE = 100
T = TypeVar("T")

_LENGTH = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def settings(**flags: Any) -> Settings:
    """Settings from the environment and from flags that were given."""
    return settings_module.load(**flags)


def now() -> int:
    """The present instant, in milliseconds."""
    return SystemClock().now()


@contextmanager
def opened(chosen: Settings, *, must_exist: bool = True) -> Iterator[Store]:
    """The store, migrated, for one command beside a running server.

    A backup stays a backup: only a server begins its new life. Raises StoreError.
    """
    from hydrobit.storage import directory, stores

    if must_exist:
        stores.require(chosen)
    store = stores.open_store(chosen)
    try:
        store.write(directory.bring_up, now())
        yield store
    finally:
        store.close()


@contextmanager
def authored(data: Path | None, company: str) -> "Iterator[tuple[Store, Author]]":
    """The store, and the operator as the author of what is changed in a company. Raises StoreError."""
    with opened(settings(data=data)) as store:
        yield store, operator(company_number(store, company))


def operator(company: int) -> "Author":
    """The operator as the author of what is changed in a company, given by its number."""
    from hydrobit.audit.service import OPERATOR, Author

    return Author(company, OPERATOR, now(), os.urandom)


def seconds(text: str, name: str, most: int) -> int:
    """A length of time such as 90s, 15m, 1h, 7d. Raises SettingError."""
    match = _LENGTH.fullmatch(text)
    length = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 0 < length <= most:
        raise SettingError(f"{name} is {text!r}; write a length such as 90s, 15m, 1h or 7d, at most {most // 86_400}d")
    return length


def company_number(store: Store, company_id: str) -> int:
    """The store's number of a company. Raises StoreError when there is none of that id."""
    from hydrobit.identity import store as identity

    number = store.read(identity.company_number, checked_id(company_id))
    if number is None:
        raise StoreError(f"there is no company {company_id}; `hydrobit company add` makes one")
    return number


def checked_id(text: str) -> str:
    """An id as the store keeps it. Raises Refused."""
    from hydrobit.wire import fields

    return fields.text(text, "the id")


def checked_name(text: str) -> str:
    """A name as the store keeps it. Raises Refused."""
    from hydrobit.wire import fields

    return fields.text(text, "the name")


def checked_user(text: str) -> str:
    """The id of a user, kept to the letter as tokens carry it. Raises Refused."""
    from hydrobit.wire import fields

    return fields.user_id(text, "the id")


def all_rows(read_page: Callable[[int], tuple[int, Sequence[T]]]) -> list[T]:
    """The rows of all pages. `read_page` is told the number of a page that has `PAGE` rows at most."""
    found: list[T] = []
    while rows := read_page(len(found) // PAGE + 1)[1]:
        found += rows
        if len(rows) < PAGE:
            break
    return found


def shape(kind: type[msgspec.Struct], **given: Any) -> Any:
    """The request that says the same, so that flags are held to the rules of the API."""
    return kind(auth0Id="", **{name: value for name, value in given.items() if value is not None})


def number(text: str | None, flag: str) -> msgspec.Raw | None:
    """A number of a flag as a request has it. Raises SettingError."""
    from hydrobit.kit.amounts import read_amount

    if text is None:
        return None
    try:
        read_amount(text.encode())
    except ValueError as e:
        raise SettingError(f"{flag} {e}") from e
    return msgspec.Raw(text.encode())


def content_of(file: Path, bytes_max: int) -> bytes:
    """The bytes of a file. Raises SettingError when it cannot be read, or is larger than it may be."""
    try:
        with file.open("rb") as opened_file:
            content = opened_file.read(bytes_max + 1)
    except OSError as e:
        raise SettingError(f"{file} cannot be read: {e.strerror}") from e
    if len(content) > bytes_max:
        raise SettingError(f"{file} must have at most {bytes_max} bytes")
    return content


def print_rows(
    rows: Iterable[dict[str, Any]], as_json: bool, nothing: str, *, shown: Sequence[str] | None = None
) -> None:
    """Rows as JSON lines, or as a table for people; of that, only the columns `shown`, where all are too wide."""
    found = list(rows)
    if as_json:
        for row in found:
            print(json.dumps(row, ensure_ascii=False))
        return
    if not found:
        print(nothing)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = shown or list(found[0])
    table = Table(*columns)
    for row in found:
        table.add_row(*(Text(_cell(row[column])) for column in columns))
    Console().print(table)


def _cell(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)
