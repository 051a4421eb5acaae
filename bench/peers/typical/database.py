"""The engine: SQLite in WAL mode, every commit on the disk before it returns, writers taken in turn; or PostgreSQL."""

from typing import Any

from sqlalchemy import Connection, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

Sessions = async_sessionmaker[AsyncSession]


def connect(database: str, pool_size: int) -> tuple[AsyncEngine, Sessions]:
    """An engine with exactly `pool_size` connections, and the maker of ORM sessions over it."""
    url = make_url(database)
    is_sqlite = url.get_backend_name() == "sqlite"
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite" if is_sqlite else "postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=30,
        connect_args={"timeout": 30},
    )
    if is_sqlite:
        event.listen(engine.sync_engine, "connect", _prepare)
        event.listen(engine.sync_engine, "begin", _begin)
    return engine, async_sessionmaker(engine, expire_on_commit=False)


def _prepare(connection: Any, _record: Any) -> None:
    # The driver's own idea of when to begin is switched off: see "begin" below, and SQLAlchemy's page on SQLite.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("pragma journal_mode = wal")
    cursor.execute("pragma synchronous = full")
    cursor.execute("pragma foreign_keys = on")
    cursor.close()


def _begin(connection: Connection) -> None:
    # The write lock is taken at once, so that a session which was read as open is still open when its record is stored.
    connection.exec_driver_sql("begin immediate")
