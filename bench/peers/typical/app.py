"""Composition: settings, engine, routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi import FastAPI

from bench.peers.typical import errors, records, sessions
from bench.peers.typical.database import connect
from bench.peers.typical.models import Base, User
from bench.peers.typical.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The service over its store; the tables and the demo's user are made when they are missing."""
    engine, make_session = connect(settings.database, settings.pool_size)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with make_session() as session:
            await session.merge(User(id="user_123456789", company_id="comp_12345", role="admin"))
            await session.commit()
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)
    app.state.settings = settings
    app.state.sessions = make_session
    app.state.public_key = load_pem_public_key(settings.public_key.read_bytes())
    errors.install(app)
    app.include_router(sessions.router)
    app.include_router(records.router)
    return app
