"""The one place that chooses the engine: PostgreSQL where a database is named, else SQLite in the data directory."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from hydrobit.errors import SettingError, StoreError
from hydrobit.settings import Settings
from hydrobit.storage import directory
from hydrobit.storage.engine import Engine, Store
from hydrobit.storage.migrate import is_made
from hydrobit.storage.sqlite import SqliteEngine


def require(settings: Settings) -> None:
    """Raises StoreError where no server has made a store yet."""
    if not settings.database_url:
        if not (settings.data / directory.DATABASE).exists():
            raise StoreError(f"there is no store in {settings.data}; `hydrobit serve --data {settings.data}` makes one")
        return
    with closing(open_store(settings)) as store:
        if not store.read(is_made):
            raise StoreError("there is no store in the database; `hydrobit serve` makes one")


def open_store(settings: Settings, *, alone: bool = False) -> Store:
    """The store, for use beside running servers or before one starts; `alone` by whoever holds the directory's lock.

    Raises StoreError, SettingError.
    """
    if not settings.database_url:
        return directory.open_store(settings.data, busy_ms_max=settings.store_busy_ms_max, checkpoints=alone)
    with _installed():
        from hydrobit.storage import postgres
    return postgres.PostgresStore(settings.database_url, postgres.limits(settings, unit_s_max=0))


def open_engine(settings: Settings) -> Engine:
    """The engine of a server on a store that is migrated. Raises StoreError, SettingError."""
    if not settings.database_url:
        return SqliteEngine(
            settings.data / directory.DATABASE,
            busy_ms_max=settings.store_busy_ms_max,
            reader_connections=settings.reader_connections,
        )
    with _installed():
        from hydrobit.storage import postgres
    return postgres.PostgresEngine(
        settings.database_url,
        postgres.limits(settings, unit_s_max=settings.database_unit_s_max),
        writer_connections=settings.writer_connections,
        reader_connections=settings.reader_connections,
    )


@contextmanager
def _installed() -> Iterator[None]:
    """What PostgreSQL is spoken to with is installed only where it is wanted, and loaded only where it is used."""
    try:
        yield
    except ModuleNotFoundError as e:
        if e.name != "psycopg":
            raise
        raise SettingError("HYDROBIT_DATABASE_URL needs psycopg; install hydrobit[server,postgres]") from e
