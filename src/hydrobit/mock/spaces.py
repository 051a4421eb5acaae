"""All spaces of a process: made when somebody comes, bounded in number, age and bytes; the longest unused go first."""

import asyncio
import tempfile
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from hydrobit.errors import Code, Refused
from hydrobit.kit.clock import Clock
from hydrobit.mock import seeds
from hydrobit.mock.faults import Plan, no_faults
from hydrobit.mock.space import Ground, Space
from hydrobit.settings import Settings
from hydrobit.transport.metrics import Metrics

SWEEP_S = 60
"""The pause between two looks for spaces that are too old."""
SPACES = "/_spaces"
"""Below it a space's photos are fetched, by links that name the space."""


def by_header(said: str) -> str:
    """The name of the space that `x-mock-space` chooses."""
    return f"space {said}"


def by_token(token: str) -> str:
    """The name of the space that a bearer text chooses; the text itself is not kept."""
    return f"token {sha256(token.encode('latin-1')).hexdigest()}"


class Spaces:
    """Spaces by their names. What the real server keeps is neither read nor written."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        random: Callable[[int], bytes],
        *,
        prefix: str,
        rests: bool,
        plan: Plan = no_faults,
    ) -> None:
        """`prefix` is the path that the mock stands at. Beside a real server it `rests` half of the time."""
        self._settings, self._clock, self._random, self._plan = settings, clock, random, plan
        self._rests = rests
        self.links = f"{settings.public_url.rstrip('/')}{prefix}{SPACES}"
        self._spaces: OrderedDict[str, Space] = OrderedDict()
        self._ground: Ground | None = None
        self._making = asyncio.Lock()
        self._under_way = 0
        self._sweeping: asyncio.Task[None] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hydrobit-mock")

    @property
    def count(self) -> int:
        return len(self._spaces)

    @asynccontextmanager
    async def entered(self, name: str | None) -> AsyncIterator[Space]:
        """The space of that name for one call, made where there is none; None: a space for this call alone.

        Raises Refused, busy, where too many calls are under way, or those hold all the memory that there is.
        """
        if self._under_way >= self._settings.mock_calls_max:
            raise Refused(Code.busy, "Too many calls to the mock are under way; send the same call again.")
        self._under_way += 1
        try:
            space = self._find(await self._laid(), name)
            space.under_way += 1
            try:
                await self._make_room()
                if self._weight() > self._settings.mock_bytes_max:
                    raise Refused(Code.busy, "The spaces that are in use hold all memory; send the same call again.")
                yield space
            finally:
                space.under_way -= 1
                space.used_at = time.monotonic()
                if name is None:
                    await space.stop()
        finally:
            self._under_way -= 1

    async def space(self, name: str) -> Space:
        """The space of that name, made where there is none, for whoever plans its faults and reads its log."""
        return self._find(await self._laid(), name)

    def _find(self, ground: Ground, name: str | None) -> Space:
        """The space of that name, made where there is none; from now on the latest used."""
        if name is None:
            return Space(ground, self.links)
        found = self._spaces.get(name)
        if found is None:
            found = self._spaces[name] = Space(ground, self.links)
        self._spaces.move_to_end(name)
        found.used_at = time.monotonic()
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.create_task(self._sweep(), name="hydrobit-mock-sweep")
        return found

    async def _sweep(self) -> None:
        """Gives the memory of spaces back that nobody comes to any more."""
        while self._spaces:
            await asyncio.sleep(min(self._settings.mock_space_age_s_max, SWEEP_S))
            await self._make_room()

    def by_id(self, space_id: str) -> Space | None:
        """The space whose links carry this id."""
        return next((space for space in self._spaces.values() if space.id == space_id), None)

    async def stop(self) -> None:
        """Ends all spaces."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait([self._sweeping])
        for space in self._spaces.values():
            await space.stop()
        self._spaces.clear()
        await asyncio.to_thread(self._thread.shutdown)
        if self._folder is not None:
            self._folder.cleanup()

    async def _make_room(self) -> None:
        """Ends the spaces that are too many, too old or too heavy together."""
        while (name := self._first_to_go()) is not None:
            await self._spaces.pop(name).stop()

    def _first_to_go(self) -> str | None:
        """The longest unused space, if one has to go; never one with a call under way."""
        found = next(((name, space) for name, space in self._spaces.items() if not space.under_way), None)
        if found is None:
            return None
        name, longest = found
        too_many = len(self._spaces) > self._settings.mock_spaces_max
        is_old = longest.used_at <= time.monotonic() - self._settings.mock_space_age_s_max
        return name if too_many or is_old or self._weight() > self._settings.mock_bytes_max else None

    def _weight(self) -> int:
        return sum(space.bytes for space in self._spaces.values())

    async def _laid(self) -> Ground:
        """What all spaces stand on; it is made when the first call comes."""
        async with self._making:
            if self._ground is None:
                self._folder = tempfile.TemporaryDirectory(prefix="hydrobit-mock-")
                settings = _own(self._settings, Path(self._folder.name))
                image = await asyncio.get_running_loop().run_in_executor(
                    self._thread, seeds.image, settings, self._clock.now(), self._random
                )
                self._ground = Ground(
                    settings,
                    self._clock,
                    self._random,
                    self._thread,
                    Metrics(),
                    image,
                    self._rests,
                    self._plan,
                )
            return self._ground


def _own(settings: Settings, folder: Path) -> Settings:
    """The server's limits, and nothing that leads to what it keeps."""
    usual = Settings()
    return replace(
        settings,
        data=folder,
        keys=usual.keys,
        database_url="",
        objects_url="",
        broker_url="",
        oidc_issuer="",
        oidc_audience="",
        oidc_jwks_url="",
        local_tokens=True,
        log_requests=False,
    )
