"""`copy`: moves a whole installation from one store into another."""

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.cli.common import now, settings
from hydrobit.cli.store import verify_everything
from hydrobit.errors import LedgerBroken, SettingError, StoreError
from hydrobit.kit.amounts import amount_text
from hydrobit.settings import Settings
from hydrobit.storage.engine import Store, Transaction

if TYPE_CHECKING:
    from rich.progress import Progress

    from hydrobit.ledger.verify import Verified
    from hydrobit.storage.copying import Copying

OBJECTS = "objects"
ID_BYTES = 8

Place = Annotated[str, Parameter(help="A bucket such as s3://bucket/prefix; empty: the folder in the data directory.")]


@app.command
def copy(
    *,
    source: Annotated[
        str, Parameter(name="--from", help="sqlite:///data/directory or postgresql://user@host/database.")
    ],
    target: Annotated[
        str | None, Parameter(name="--to", help="Likewise; left out, the database of HYDROBIT_DATABASE_URL.")
    ] = None,
    from_data: Annotated[
        Path | None, Parameter(help="The data directory beside a database: keys and photos (HYDROBIT_DATA).")
    ] = None,
    to_data: Annotated[
        Path | None,
        Parameter(help="The same of the target; left out, that of the source, and both stay where they are."),
    ] = None,
    from_objects: Annotated[
        str | None, Parameter(help="The bucket with the photos; empty: a folder (HYDROBIT_OBJECTS_URL).")
    ] = None,
    to_objects: Annotated[str | None, Parameter(help="The same of the target; left out, that of the source.")] = None,
    give_up: Annotated[
        bool, Parameter(negative=(), help="Open the source again, and leave what was copied of it.")
    ] = False,
) -> None:
    """Move a whole installation into another store: every row, photo and key. Repeat it when it was interrupted.

    From its first moment the source takes no more writes. The target must be empty, or hold an interrupted copy.
    """
    from hydrobit.storage import copying

    ours = _side(source, from_data, from_objects)
    with _held(ours, "source", must_exist=True) as store:
        if give_up:
            was_shut = store.write(copying.give_up, now(), _begin_life)
            print(f"{_name(ours)} is open again" if was_shut else f"{_name(ours)} was open")
            return
        wanted = target or settings().database_url
        if not wanted:
            raise SettingError("--to is missing; write sqlite:///data/directory or postgresql://user@host/database")
        theirs = _side(wanted, to_data or ours.data, ours.objects_url if to_objects is None else to_objects)
        if (ours.database_url, ours.database_url or ours.data) == (
            theirs.database_url,
            theirs.database_url or theirs.data,
        ):
            raise SettingError("--from and --to name the same store")
        with _held(theirs, "target", must_exist=False) as other:
            _move(ours, theirs, store, other)


def _begin_life(tx: Transaction, at: int) -> None:
    from hydrobit import app as house

    house.begin_life(tx, at, os.urandom)


def _move(ours: Settings, theirs: Settings, source: Store, target: Store) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from hydrobit.storage import directory
    from hydrobit.storage.copying import Copying

    names = (_name(ours), _name(theirs))
    moving, begun = Copying(source, target, names), time.monotonic()
    moving.look()
    keys = directory.keys_to_copy([(key(ours), key(theirs)) for key in (directory.signing_key, directory.links_key)])
    is_known = moving.begin(now(), secrets.token_hex(ID_BYTES))
    if moving.is_over:
        moving.finish(now())
        print(f"{names[0]} was copied to {names[1]} before: nothing was left to do")
        return
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        directory.copy_keys(keys)
        total, skipped = sum(moving.counts().values()), moving.skipped() if is_known else 0
        task = progress.add_task("rows", total=total, completed=skipped)
        copied = moving.copy(lambda rows: progress.advance(task, rows))
        objects = _carry(ours, theirs, source, moving, progress)
        done = time.monotonic()
        task = progress.add_task("compared", total=total)
        moving.compare(lambda rows: progress.advance(task, rows))
        compared = time.monotonic()
        sound = _verified(source, target, names, progress)
    moving.finish(now())
    print(f"copied {names[0]} to {names[1]}")
    if is_known:
        print(f"  went on where an earlier copy had stopped, after {skipped} rows")
    print(f"  {copied} rows of {len(moving.tables)} tables, {objects}, {len(keys)} keys: {done - begun:.1f} s")
    print(f"  {total} rows compared: {compared - done:.1f} s")
    print(f"  both sides verified: {time.monotonic() - compared:.1f} s")
    for company in sound:
        print(f"company {company.company}: {company.entries} entries, {amount_text(company.units)} units: sound")
        print(f"  head {company.head.hex()}")
    print(f"{names[0]} takes no more records: start on {names[1]}")


def _carry(ours: Settings, theirs: Settings, source: Store, moving: "Copying", progress: "Progress") -> str:
    """Brings the photos and media over where they change their place; the answer is for the summary."""
    import asyncio

    from hydrobit.objects.carrying import Place, carry
    from hydrobit.storage.objects import open_unlinked

    if _kept_at(ours) == _kept_at(theirs):
        return "photos and media stay where they are"
    task = progress.add_task("photos and media", total=None)
    count = 0

    def done(after: Place, objects: int) -> None:
        nonlocal count
        moving.move_on(OBJECTS, after)
        count += objects
        progress.advance(task, objects)

    with ExitStack() as stack:
        source_objects, target_objects = open_unlinked(ours), open_unlinked(theirs)
        stack.callback(source_objects.stop)
        stack.callback(target_objects.stop)
        company, place = moving.after(OBJECTS) or (0, "")
        missing = asyncio.run(carry(source, source_objects, target_objects, (company, place), done))
    for place in missing:
        print(f"hydrobit: {place} is named but not in {_kept_at(ours)}", file=sys.stderr)
    return f"{count - len(missing)} photos and media"


def _verified(source: Store, target: Store, names: tuple[str, str], progress: "Progress") -> "list[Verified]":
    sides = []
    for store, name in zip((source, target), names, strict=True):
        task = progress.add_task("verified", total=None)
        try:
            sides.append(verify_everything(store, partial(progress.advance, task)))
        except LedgerBroken as e:
            raise StoreError(f"{name} does not verify: {e}") from e
    if sides[0] != sides[1]:
        raise StoreError(f"the heads of {names[0]} and {names[1]} differ")
    return sides[1]


@contextmanager
def _held(side: Settings, what: str, *, must_exist: bool) -> Iterator[Store]:
    """A store of this release's schema that nobody else uses. Raises StoreError, StoreInUse."""
    from hydrobit.storage import copying, directory, stores
    from hydrobit.storage.migrate import migrate

    with ExitStack() as stack:
        if must_exist:
            stores.require(side)
        if not side.database_url:
            directory.prepare(side.data)
            stack.callback(directory.lock(side.data).close)
        store = stack.enter_context(closing(stores.open_store(side, alone=True)))
        copying.require_alone(store, what)
        store.write(migrate, now())
        store.write(copying.require_schema)
        yield store


def _side(url: str, data: Path | None, objects_url: str | None) -> Settings:
    """The settings of a server that runs on one side. Raises SettingError."""
    chosen = settings(data=data)
    if objects_url is not None:
        chosen = replace(chosen, objects_url=objects_url)
    if url.startswith("sqlite:"):
        return replace(chosen, data=_directory(url), database_url="")
    if not url.startswith(("postgresql://", "postgres://")):
        raise SettingError(f"{url.partition(':')[0]}: is no store; write sqlite:///data/directory or postgresql://...")
    return replace(chosen, database_url=url)


def _directory(url: str) -> Path:
    """`sqlite:///srv/hydrobit` is /srv/hydrobit, `sqlite:data` is ./data; the file in it is taken for it, too."""
    from hydrobit.storage.directory import DATABASE

    parts = urlsplit(url)
    if parts.netloc or not parts.path:
        raise SettingError(f"{url} names no directory; write sqlite:///data/directory with three slashes")
    path = Path(unquote(parts.path)) if not parts.path.startswith("//") else Path("/" + unquote(parts.path).lstrip("/"))
    return path.parent if path.name == DATABASE else path


def _name(side: Settings) -> str:
    """What a side is called; a database without its user and password."""
    if not side.database_url:
        return f"sqlite://{side.data.absolute()}"
    parts = urlsplit(side.database_url)
    return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _kept_at(side: Settings) -> str:
    from hydrobit.storage.directory import OBJECTS as FOLDER

    return side.objects_url or str((side.data / FOLDER).resolve())
