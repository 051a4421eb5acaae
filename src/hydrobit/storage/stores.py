"""The one place that chooses the engine: PostgreSQL where a database is named, else SQLite in the data directory."""

from collections.abc import Iterator
from contextlib import contextmanager

from hydrobit.errors import SettingError
from hydrobit.settings import Settings
from hydrobit.storage import directory
from hydrobit.storage.engine import Engine, Store
from hydrobit.storage.sqlite import SqliteEngine


def is_there(settings: Settings) -> bool:
    """Whether there is a store to open. A database that is named is one, empty or not."""
    return bool(settings.database_url) or (settings.data / directory.DATABASE).exists()


def open_store(settings: Settings) -> Store:
    """The store, for use beside running servers or before one starts. Raises StoreError, SettingError."""
    if not settings.database_url:
        return directory.open_store(settings.data, busy_ms_max=settings.store_busy_ms_max)
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
        writer_connections=settings.database_writers,
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
