"""The tables."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """Base of all tables."""


class User(Base):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    company_id: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(20))


class ProductionSession(Base):
    __tablename__ = "production_sessions"
    __table_args__ = (
        Index(
            "one_open_session",
            "company_id",
            "project_id",
            "sector_id",
            "day",
            unique=True,
            sqlite_where=text("closed_at is null"),
            postgresql_where=text("closed_at is null"),
        ),
    )

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    company_id: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    project_id: Mapped[str] = mapped_column(String(64))
    sector_id: Mapped[str] = mapped_column(String(64))
    sector_name: Mapped[str] = mapped_column(String(200))
    day: Mapped[str] = mapped_column(String(10))
    opened_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    max_duration_hours: Mapped[int]
    closed_at: Mapped[datetime | None]


class ProductionRecord(Base):
    """One count. `units` are whole millionths; times are UTC, cut to milliseconds."""

    __tablename__ = "production_records"
    __table_args__ = (UniqueConstraint("session_id", "worker_id", "client_event_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    company_id: Mapped[str] = mapped_column(String(64))
    session_id: Mapped[str] = mapped_column(ForeignKey("production_sessions.id"))
    worker_id: Mapped[str] = mapped_column(String(64))
    worker_name: Mapped[str] = mapped_column(String(200))
    units: Mapped[int] = mapped_column(BigInteger)
    recorded_at: Mapped[datetime]
    received_at: Mapped[datetime]
    client_event_id: Mapped[str] = mapped_column(String(200))
    keys: Mapped[list["IdempotencyKey"]] = relationship(back_populates="record")


class IdempotencyKey(Base):
    """A key of the client's own, and the record that claimed it."""

    __tablename__ = "idempotency_keys"

    company_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    record_id: Mapped[int] = mapped_column(ForeignKey("production_records.id"))
    record: Mapped[ProductionRecord] = relationship(back_populates="keys")
