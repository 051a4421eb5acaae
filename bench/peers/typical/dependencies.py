"""What a route asks for: an ORM session, and the caller."""

from collections.abc import AsyncIterator
from typing import Annotated

import jwt
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from bench.peers.typical.errors import Refused
from bench.peers.typical.models import User

bearer = HTTPBearer(auto_error=False)


async def subject(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> str:
    """The verified `sub` of the caller's token."""
    settings = request.app.state.settings
    if credentials is None:
        raise Refused(401, "unauthorized", "Send a bearer token.")
    try:
        claims = jwt.decode(
            credentials.credentials,
            request.app.state.public_key,
            algorithms=["RS256"],
            audience=settings.audience,
            issuer=settings.issuer,
            options={"require": ["exp", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise Refused(401, "unauthorized", "The token is not valid.") from error
    return str(claims["sub"])


async def database(request: Request) -> AsyncIterator[AsyncSession]:
    """One ORM session a request; a connection is taken from the pool at its first statement."""
    async with request.app.state.sessions() as session:
        yield session


Database = Annotated[AsyncSession, Depends(database)]


async def caller(subject: Annotated[str, Depends(subject)], database: Database) -> User:
    """The user the token names."""
    user = await database.get(User, subject)
    if user is None:
        raise Refused(403, "no_company", "This user belongs to no company.")
    return user


Caller = Annotated[User, Depends(caller)]
