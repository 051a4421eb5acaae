"""The types of the one table: an `Operation` is a row, a `Call` what reaches its handler, a `Reply` what it answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from hydrobit.errors import Code
from hydrobit.kit.clock import Clock
from hydrobit.ledger.append import Appenders
from hydrobit.ledger.entry import Source
from hydrobit.settings import Settings
from hydrobit.storage.engine import Engine
from hydrobit.wire.days import DAY_SCHEMA

if TYPE_CHECKING:  # commands that keep no bytes need no client of a bucket
    from hydrobit.storage.objects import Objects

__all__ = [
    "ADMINS",
    "ANYONE",
    "API",
    "AUTH0_ID_QUERY",
    "BRANCH",
    "BY_MESSAGE",
    "COMPANY_ID_QUERY",
    "END_DAY_QUERY",
    "HOST",
    "LIMIT_QUERY",
    "PAGING",
    "READS",
    "START_DAY_QUERY",
    "WRITERS",
    "Call",
    "Caller",
    "Context",
    "Device",
    "Http",
    "Letter",
    "Operation",
    "Parameter",
    "Redeliver",
    "Repeat",
    "Reply",
    "Role",
    "Scope",
    "Source",
]


class Role(StrEnum):
    """What a user may do: an admin and a supervisor write, a viewer only reads."""

    admin = "admin"
    supervisor = "supervisor"
    viewer = "viewer"


ANYONE = frozenset(Role)
WRITERS = frozenset({Role.admin, Role.supervisor})
ADMINS = frozenset({Role.admin})


class Scope(StrEnum):
    """What a company key may be allowed to do."""

    read_production = "read:production"
    read_phytosanitary = "read:phytosanitary"
    read_iot = "read:iot"
    write_iot = "write:iot"


BRANCH = "connect"
"""The first level of the topics of all devices' branches."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the company's register, and the project that it belongs to."""

    device_id: str
    project_id: str

    def branch(self, company_id: str) -> str:
        """Where the device has its topics: `connect/{companyId}/{projectId}/{deviceId}`."""
        return f"{BRANCH}/{company_id}/{self.project_id}/{self.device_id}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, taken from the token alone. `company` is the store's number of the caller's company.

    A user has a role and no scopes; a company key has scopes and no role, and `key:<keyId>` as its user_id. An IoT
    token has a device besides, and is the user whom it acts for; where it acts for nobody it has the scope write:iot,
    no role, and `device:<deviceId>` as its user_id.
    """

    user_id: str
    company: int
    company_id: str
    role: Role | None
    scopes: frozenset[Scope] = frozenset()
    access_no: int | None = None
    """How often rights in the company had changed when the user's were looked up."""
    device: Device | None = None
    """The device whose IoT token it is, or in whose branch a user's message came."""


class Letter(msgspec.Struct, frozen=True):
    """A message that was acknowledged although it was refused, as it came. `subject` is its caller's user_id."""

    company: int
    subject: str
    device_id: str | None
    client_id: str
    topic: str
    payload: bytes


Redeliver = Callable[[Letter], Awaitable["Reply"]]
"""Answers a letter anew, as if its sender sent it now; who the subject is, and may do, is looked up again. Whatever
happens, the answer is a `Reply`."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler may use: the parts of the house that `app` put together."""

    engine: Engine
    appender: Appenders
    clock: Clock
    settings: Settings
    random: Callable[[int], bytes]
    objects: "Objects"
    long_reads: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held for one page of a read that has many, so that all such reads together keep one reader busy at most."""
    redeliver: Redeliver | None = None
    """None in a house without the road that messages come by."""


class Call(msgspec.Struct, frozen=True, gc=False):
    """One request after decoding. `body` is the row's request shape, `query` and `path` are cleaned texts."""

    caller: Caller
    body: Any
    path: Mapping[str, str]
    query: Mapping[str, Any]
    source: Source
    now: int
    ignored: tuple[str, ...] = ()

    @property
    def ignored_or_unset(self) -> list[str] | msgspec.UnsetType:
        """`ignored` as an answer tells it: left out where there is nothing."""
        return list(self.ignored) or msgspec.UNSET

    @property
    def page(self) -> tuple[int, int]:
        """The number of the page that is wanted, from 1, and its size; for rows with `PAGING`."""
        return self.query.get("page", 1), self.query.get("limit", PAGE_SIZE)


class Reply(msgspec.Struct, frozen=True, gc=False):
    """What goes back: the HTTP status and the answer's shape (None: no body).

    `parts` is a body that is made piece by piece, as JSON bytes, in the place of `body`. What fails after its first
    piece ends the connection, so that nobody takes a cut answer for a whole one.
    """

    status: int
    body: object | None
    parts: AsyncIterator[bytes] | None = None


BodyLimit = Literal["body_bytes_max", "bulk_body_bytes_max", "worker_body_bytes_max", "form_body_bytes_max"]
Handler = Callable[[Context, Call], Awaitable[Reply]]


class Repeat(StrEnum):
    """Why the same call may safely be sent again."""

    reads = "It only reads."
    by_key = "The same event is answered with 200 and the first id; nothing is added."
    by_event = "The same clientEventId with the same content is answered with 200 and the first id; nothing is added."
    by_local_id = "With a localId the same opening is answered with 200 and the stored session."
    by_person = "The same person again is answered with 200 and the stored worker."
    by_instant = "The same reading of a device at an instant is answered with 200; nothing is added."
    anew = "A repeat issues another token; each counts until its own end."
    as_sent = "What the message asked for is itself safe to repeat."
    by_state = "A repeat finds the change made; its answer says so and nothing changes again."


@dataclass(frozen=True, slots=True)
class Parameter:
    """A path or query parameter of a row, as published."""

    name: str
    place: Literal["path", "query"]
    required: bool
    example: str | int
    description: str = ""
    schema: Mapping[str, object] = field(default_factory=lambda: {"type": "string"})
    component: str = ""
    """The published name of a query parameter that several rows share."""
    is_in_samples: bool = False
    """Whether a sample says it although it may be left out: of several, one has to be there."""


AUTH0_ID_QUERY = Parameter(
    "auth0Id",
    "query",
    True,
    "user_123456789",
    "The calling user; it must be the token's own.",
    component="Auth0IdQuery",
)
PAGE_SIZE, PAGE_SIZE_MAX = 25, 100
PAGE_QUERY = Parameter(
    "page", "query", False, 1, "Page number, from 1.", {"type": "integer", "minimum": 1, "default": 1}
)
LIMIT_QUERY = Parameter(
    "limit",
    "query",
    False,
    PAGE_SIZE,
    "Page size.",
    {"type": "integer", "minimum": 1, "maximum": PAGE_SIZE_MAX, "default": PAGE_SIZE},
)
PAGING = (PAGE_QUERY, LIMIT_QUERY)
HOST = "host"
"""The member of a call's path that is the server's name as the caller wrote it; for rows that ask (`names_host`)."""
START_DAY_QUERY = Parameter(
    "startTime", "query", True, "2025-10-01", "First day, local, no zone mark.", DAY_SCHEMA, "StartDay"
)
END_DAY_QUERY = Parameter(
    "endTime", "query", True, "2025-10-09", "Last day, local, no zone mark.", DAY_SCHEMA, "EndDay"
)
COMPANY_ID_QUERY = Parameter("companyId", "query", False, "comp_12345", "If sent, it has to be the caller's company.")


API = "/api/"
"""What the paths of all rows that messages can reach begin with."""
BY_MESSAGE = ("POST", "PATCH", "GET", "HEAD")
"""Where a topic stands for several methods, a message that names none means the first of these that is there."""
READS = ("GET", "HEAD")
"""Methods that have parameters and no body; a message to one brings the parameters as an object."""


@dataclass(frozen=True, slots=True)
class Http:
    """Where the row stands under HTTP. `statuses` maps each success to its description."""

    method: Literal["GET", "HEAD", "POST", "PATCH"]
    path: str
    statuses: Mapping[int, str]
    body_required: bool = True


class Decoder(Protocol):
    """Turns a body's bytes into the row's request shape and the names of the fields that it does not know."""

    @property
    def shape(self) -> type[msgspec.Struct]: ...

    def decode(self, body: bytes) -> tuple[Any, tuple[str, ...]]: ...


@dataclass(frozen=True, slots=True)
class Operation:
    """One row. Routes, documents, metrics and the command `hydrobit operations` are derived from it."""

    name: str
    tag: str
    summary: str
    description: str
    http: Http
    handler: Handler
    answer: type[msgspec.Struct] | None
    roles: frozenset[Role]
    repeat: Repeat
    errors: tuple[Code, ...]
    scope: Scope | None = None
    """The scope with which a company key may call this row; None: no key may."""
    request: Decoder | None = None
    parameters: tuple[Parameter, ...] = ()
    request_examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    answer_examples: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    caller_in: str | None = None
    """The member of the body that says who calls (auth0Id, companyId); None: the body itself does."""
    body_limit: BodyLimit = "body_bytes_max"
    judges_caller: bool = False
    """Whether its transaction finds out that the caller's rights were changed; then remembered ones will do."""
    for_devices: bool = False
    """Whether an IoT token may call this row."""
    branch: str = ""
    """The topic below a device's own branch by which messages reach this row too, such as `data/weather`."""
    names_user: bool = False
    """Whether `auth0Id` of a company key names a user for whom something is asked, and not the key itself."""
    names_host: bool = False
    """Whether its answer tells the address of the server; its path then has `HOST`, where the road knows it."""
    together: Callable[[Context, Sequence[Call]], Awaitable[Sequence[Reply | Exception]]] | None = None
    """Handles several calls of one caller in one transaction, for a road by which many come at once: an outcome each,
    in order. Such a row has neither path parameters nor a query."""

    @property
    def topic(self) -> str | None:
        """The topic by which messages reach this row: its path without `/api/`. None: none does."""
        return self.http.path.removeprefix(API) if self.http.path.startswith(API) else None

    def admits(self, caller: Caller) -> bool:
        """Whether the caller's role, or the scope of its key or token, may call this row."""
        if caller.device is not None and not self.for_devices:
            return False
        return caller.role in self.roles if caller.role is not None else self.scope in caller.scopes
