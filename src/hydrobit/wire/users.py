"""Shapes of the users of a company."""

from typing import Annotated, Literal

from msgspec import UNSET, Struct, UnsetType

from hydrobit.wire.fields import NAME, NAME_LENGTH_MAX, USER_ID, Auth0Id, Ignored, Instant, Success, said

RoleName = Literal["admin", "supervisor", "viewer"]
EMAIL_LENGTH_MAX = 254
EMAIL = {"maxLength": EMAIL_LENGTH_MAX}


class UserInput(Struct):
    """Who may call from now on."""

    userId: Annotated[str, said("The `sub` of the user's tokens.", example="user_987654321", **USER_ID)]
    name: Annotated[str, said(example="Demo Supervisor", **NAME)]
    role: RoleName
    email: Annotated[str, said(example="supervisor@example.com", **EMAIL)] | None = None
    auth0Id: Auth0Id | None = None


class UserChange(Struct):
    """What is left out stays."""

    name: Annotated[str, said(example="Demo Supervisor", maxLength=NAME_LENGTH_MAX)] | None = None
    role: RoleName | None = None
    email: Annotated[str, said(example="supervisor@example.com", **EMAIL)] | None = None
    auth0Id: Auth0Id | None = None


class UserSwitch(Struct):
    """Nothing has to be said; the whole body may be left out."""

    auth0Id: Auth0Id | None = None


class User(Struct, kw_only=True):
    """A user of the company; one who was disabled stays listed, since records name them."""

    userId: Annotated[str, said(example="user_987654321")]
    name: Annotated[str, said(example="Demo Supervisor")]
    email: Annotated[str, said(example="supervisor@example.com")] | UnsetType = UNSET
    role: RoleName
    status: Literal["active", "disabled"]
    createdAt: Instant
    disabledAt: Instant | UnsetType = UNSET


class UserEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: User
    ignored: Ignored | UnsetType = UNSET


class UserPage(Struct, kw_only=True):
    """A page of the company's users, in the order of their ids."""

    total: int
    page: int
    pageSize: int
    items: list[User]


class UserPageEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: UserPage
