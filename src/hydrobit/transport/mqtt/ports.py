"""What this road asks of the house: sessions and letters that are kept, devices, and whose rights changed.

`devices` fits it, and `app` hands it over.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from hydrobit.operation import Caller, Device


class SessionKey(NamedTuple):
    """Whose session it is: nobody takes over that of another subject by its client id."""

    company: int
    subject: str
    client_id: str


class Opened(Protocol):
    """What was there of a session."""

    @property
    def is_present(self) -> bool: ...

    @property
    def subscriptions(self) -> tuple[str, ...]: ...


Held = tuple[int, str, str, str]
"""A session and its owner."""


class Keeping(Protocol):
    """`owner` names the one connection that has a session; a later owner takes it over. All of it is durable."""

    async def open_session(
        self, company: int, subject: str, client_id: str, owner: str, clean: bool, expiry_s: int
    ) -> Opened: ...

    async def set_subscriptions(
        self, company: int, subject: str, client_id: str, owner: str, subscriptions: Sequence[str]
    ) -> bool: ...

    async def close_session(self, company: int, subject: str, client_id: str, owner: str, expiry_s: int) -> None: ...

    async def lost(self, held: Sequence[Held]) -> Sequence[Held]:
        """Those of these sessions that their owner has no more."""
        ...

    async def seen(self, held: Sequence[Held]) -> None:
        """Says that these sessions are still connected."""
        ...

    async def bury(
        self, caller: Caller, client_id: str, topic: str, payload: bytes, code: str, detail: str, request_id: str
    ) -> str:
        """Keeps a message that was refused for an operator, and returns the id of its letter. Raises Refused, busy."""
        ...

    async def device(self, company: int, device_id: str) -> Device | None: ...

    async def access_numbers(self, companies: Sequence[int]) -> Mapping[int, int]:
        """How often rights in each company have changed."""
        ...
