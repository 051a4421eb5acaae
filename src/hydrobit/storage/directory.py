"""A data directory: the database, the keys, and the lock of the one server that runs on it."""

import fcntl
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from hydrobit.errors import SettingError, StoreError, StoreInUse, StoreMoved
from hydrobit.settings import Settings
from hydrobit.storage import files
from hydrobit.storage.engine import Transaction
from hydrobit.storage.migrate import Migration, migrate
from hydrobit.storage.queries import Query
from hydrobit.storage.sqlite import SqliteStore

DATABASE = "hydrobit.db"
SIGNING_KEY = Path("keys") / "signing.pem"
LINKS_KEY = Path("keys") / "links.key"
OBJECTS = "objects"
LOCK = "server.lock"

OBJECTS_PAGE = 1_000
NamedObjects = Callable[[Transaction, tuple[int, str], int], list[tuple[int, str]]]
"""A page of the named objects after one of them, as (company, place)."""

_STORE = Query(
    "store",
    "select is_backup, moved_by, copied_until from store",
    (),
    # Of several nodes that start on a restored database, one begins its new life.
    postgres=Query("store", "select is_backup, moved_by, copied_until from store for update", ()),
)
_ADD_STORE = Query("add_store", "insert into store (one, created_at) values (1, ?)", ("now",))
_MARK_BACKUP = Query("mark_backup", "update store set is_backup = 1", ())
_MARK_STORE = Query("mark_store", "update store set is_backup = 0", ())


def signing_key(settings: Settings) -> Path:
    """The file of the own issuer's key."""
    return settings.data / settings.keys / SIGNING_KEY.name


def links_key(settings: Settings) -> Path:
    """The file of the secret that signs links to objects."""
    return settings.data / settings.keys / LINKS_KEY.name


def keys_to_copy(pairs: Sequence[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    """The keys that are not at their other place yet. Raises SettingError where that place has another key."""
    found = [(source, target) for source, target in pairs if source.exists() and source.resolve() != target.resolve()]
    for source, target in found:
        if target.exists() and target.read_bytes() != source.read_bytes():
            raise SettingError(f"{target} is another key than {source}; remove the one that is not needed, then repeat")
    return [(source, target) for source, target in found if not target.exists()]


def copy_keys(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Brings keys to their other places; each of them is there whole or not at all."""
    for source, target in pairs:
        prepare(target.parent)
        files.write_once(target, source.read_bytes())


def prepare(path: Path) -> Path:
    """Makes the directory, for its owner alone. Raises StoreError when it cannot be used."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as e:
        raise StoreError(f"the data directory {path} cannot be made: {e.strerror}") from e
    if not os.access(path, os.W_OK | os.X_OK):
        raise StoreError(f"the data directory {path} cannot be written; check its owner")
    return path


def lock(path: Path) -> IO[str]:
    """Holds the directory for one server until the file is closed. Raises StoreInUse."""
    file = open(path / LOCK, "w")  # noqa: SIM115 - the lock lives as long as the file stays open
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        file.close()
        raise StoreInUse(f"another server runs on {path}; stop it, or choose another directory with --data") from e
    return file


def open_store(path: Path, *, busy_ms_max: int, checkpoints: bool = False) -> SqliteStore:
    """The store of a directory, for use beside a running server or before one starts."""
    return SqliteStore(prepare(path) / DATABASE, busy_ms_max=busy_ms_max, checkpoints=checkpoints)


def bring_up(tx: Transaction, now: int, on_backup: Callable[[Transaction, int], None] | None = None) -> list[Migration]:
    """Migrates the store; after `on_backup`, which gives every company a new id prefix, a backup is one no more.

    Only a server hands it over: what merely looks at a backup must leave it one, or two stores restored from it would
    give the same ids. Raises StoreMoved for half a copy, and towards a server for a store that was moved elsewhere.
    """
    applied = migrate(tx, now)
    row = tx.one(_STORE)
    if row is None:
        tx.run(_ADD_STORE, now=now)
        return applied
    is_backup, moved_by, copied_until = row
    if copied_until is not None:
        raise StoreMoved(
            "a copy into this store is not finished; repeat the same `hydrobit copy`, it goes on where it stopped"
        )
    if moved_by is not None and on_backup is not None:
        raise StoreMoved
    if is_backup and on_backup is not None:
        on_backup(tx, now)
        tx.run(_MARK_STORE)
    return applied


def mark_backup(tx: Transaction) -> None:
    """Says of a copy that it is one: ids given after it was made may be known to phones."""
    tx.run(_MARK_BACKUP)


def backup(
    store: SqliteStore, source: Path, target: Path, *, keys: Sequence[Path] = (), named: NamedObjects | None = None
) -> list[str]:
    """Copies a directory's store, its objects, and those of the named keys that are there, while others write.

    `named` lists the objects of a local folder that the copy must not lack; None where they lie elsewhere. Returns the
    places of those that the source itself lacks. Raises StoreError for a used target.

    The database is copied before the objects. Bytes are kept before a row names them, and the sweep never takes what a
    row names: what the copy names is there when its turn comes. The other way round, a photo that was added in between
    would be named and missing. Until the last step the copy has another name, so half a backup is never taken for one.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StoreError(f"{target} is not an empty directory; choose another one")
    prepare(target)
    unfinished = target / f"{DATABASE}.part"
    store.copy_to(unfinished)
    copy = SqliteStore(unfinished, busy_ms_max=1_000, checkpoints=True)
    try:
        copy.write(mark_backup)
        missing = _take_objects(copy, source / OBJECTS, target / OBJECTS, named) if named is not None else []
    finally:
        copy.close()
    if keys:
        (target / SIGNING_KEY.parent).mkdir(mode=0o700)
        for key in keys:
            if key.exists():
                files.write_once(target / SIGNING_KEY.parent / key.name, key.read_bytes())
    unfinished.rename(target / DATABASE)
    files.sync(target)
    files.sync(target.absolute().parent)
    return missing


def _take_objects(copy: SqliteStore, source: Path, target: Path, named: NamedObjects) -> list[str]:
    """Brings every object that the copy names, and returns the places of those that are not there."""
    missing, folders, after = [], {target}, (0, "")
    target.mkdir(mode=0o700)
    while page := copy.read(named, after, OBJECTS_PAGE):
        for _, place in page:
            file = target / place
            try:
                _take(source / place, file)
            except FileNotFoundError:
                missing.append(place)
            folders.update(parent for parent in file.parents if parent.is_relative_to(target) and parent.exists())
        after = page[-1]
    for folder in folders:
        files.sync(folder)
    return missing


def _take(source: Path, target: Path) -> None:
    """A second name for the same bytes where the disk allows it: a place is written once and never changed."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one without such names
        files.write_once(target, source.read_bytes())
