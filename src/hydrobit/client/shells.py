"""The two clients: one waits, one runs on an event loop. What they do is decided by plans that both run."""

import asyncio
import base64
import binascii
import random
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol, Self, TypeVar, assert_never
from urllib.parse import urlsplit

import msgspec

from hydrobit.client.calls import Asked
from hydrobit.client.delivery import Delivery, Progress
from hydrobit.client.http import AsyncHttpCarrier, HttpCarrier
from hydrobit.client.mqtt import SCHEMES, MqttCarrier
from hydrobit.client.outbox import Outbox
from hydrobit.client.steps import Answer, Keep, Pace, Plan, Random, Renew, Request, Send, Step, Wait
from hydrobit.client.talk import ask
from hydrobit.errors import SettingError

T = TypeVar("T")

Tell = Callable[[Progress], None]


class Carrier(Protocol):
    """Takes one request at a time to the server. None: the answer was lost."""

    def send(self, request: Request, token: str) -> Answer | None: ...

    def close(self) -> None: ...


class AsyncCarrier(Protocol):
    """The same on an event loop."""

    async def send(self, request: Request, token: str) -> Answer | None: ...

    async def close(self) -> None: ...


class Client:
    """Calls a server and waits for the answer. For one thread at a time.

    `url` is that of HTTP (`https://farm.example`) or of MQTT (`mqtts://farm.example`, `wss://farm.example/mqtt`).
    `user` is the token's own where it is left out. `renew` fetches another token when this one is taken no more.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        user: str | None = None,
        renew: Callable[[], str] | None = None,
        pace: Pace | None = None,
        carrier: Carrier | None = None,
        sleep: Callable[[float], None] = time.sleep,
        random: Random = random.random,
    ) -> None:
        self._token, self._renew = token, renew
        self._user = user or subject_of(token)
        self._pace, self._sleep, self._random = pace or Pace(), sleep, random
        self._carrier = carrier or (MqttCarrier(url) if _is_mqtt(url) else HttpCarrier(url))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._carrier.close()

    def call(self, asked: Asked[T]) -> T:
        """One call, sent again until it is answered. Raises Declined, Unanswered."""
        return self._run(ask(asked, self._user, self._pace, self._random))

    def deliver(self, outbox: Outbox, progress: Tell | None = None) -> Progress:
        """Sends what waits. `progress` is told after each answer and before each pause.

        Raises OutboxInUse, OutboxError, NotKept.
        """
        return self._run(Delivery(outbox, self._user, self._pace, self._random, progress).plan())

    def _run(self, plan: Plan[T]) -> T:
        told: object = None
        try:
            while True:
                told = self._take(plan.send(told))
        except StopIteration as end:
            found: T = end.value
            return found
        finally:
            plan.close()

    def _take(self, step: Step) -> object:
        match step:
            case Send():
                return self._carrier.send(step.request, self._token)
            case Wait():
                self._sleep(step.seconds)
                return None
            case Keep():
                return step.run()
            case Renew():
                self._token, before = self._renew() if self._renew else self._token, self._token
                return self._token != before
        assert_never(step)


class AsyncClient:
    """The same on an event loop: what waits for the disk or for MQTT does so in a thread. `renew` may be awaited."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        user: str | None = None,
        renew: Callable[[], str | Awaitable[str]] | None = None,
        pace: Pace | None = None,
        carrier: AsyncCarrier | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Random = random.random,
    ) -> None:
        self._token, self._renew = token, renew
        self._user = user or subject_of(token)
        self._pace, self._sleep, self._random = pace or Pace(), sleep, random
        self._carrier = carrier or (_InThread(MqttCarrier(url)) if _is_mqtt(url) else AsyncHttpCarrier(url))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._carrier.close()

    async def call(self, asked: Asked[T]) -> T:
        """One call, sent again until it is answered. Raises Declined, Unanswered."""
        return await self._run(ask(asked, self._user, self._pace, self._random))

    async def deliver(self, outbox: Outbox, progress: Tell | None = None) -> Progress:
        """Sends what waits. `progress` is told after each answer and before each pause.

        Raises OutboxInUse, OutboxError, NotKept.
        """
        return await self._run(Delivery(outbox, self._user, self._pace, self._random, progress).plan())

    async def _run(self, plan: Plan[T]) -> T:
        told: object = None
        try:
            while True:
                told = await self._take(plan.send(told))
        except StopIteration as end:
            found: T = end.value
            return found
        finally:
            plan.close()

    async def _take(self, step: Step) -> object:
        match step:
            case Send():
                return await self._carrier.send(step.request, self._token)
            case Wait():
                await self._sleep(step.seconds)
                return None
            case Keep():
                return await asyncio.to_thread(step.run)
            case Renew():
                before = self._token
                found = self._renew() if self._renew else before
                self._token = found if isinstance(found, str) else await found
                return self._token != before
        assert_never(step)


class _InThread:
    """A carrier that waits, for an event loop that does not."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    async def send(self, request: Request, token: str) -> Answer | None:
        return await asyncio.to_thread(self._carrier.send, request, token)

    async def close(self) -> None:
        await asyncio.to_thread(self._carrier.close)


class _Claims(msgspec.Struct):
    sub: str


def subject_of(token: str) -> str:
    """Whom a token names; whether it is genuine is the server's to say. Raises SettingError."""
    try:
        _, claims, _ = token.split(".")
        return msgspec.json.decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)), type=_Claims).sub
    except (ValueError, binascii.Error, msgspec.DecodeError) as e:
        raise SettingError("the token does not say whose it is: take a whole one, or name the user") from e


def _is_mqtt(url: str) -> bool:
    return urlsplit(url).scheme in SCHEMES
