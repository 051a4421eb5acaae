"""A server, and beside it a harvest morning that is played once in the life of a store."""

import asyncio
from importlib.metadata import version

from hydrobit import app
from hydrobit.demo.company import ADMIN, PROJECT
from hydrobit.errors import SettingError
from hydrobit.identity.signing import SigningKey
from hydrobit.kit.clock import SystemClock
from hydrobit.kit.instants import local_day
from hydrobit.morning import hints
from hydrobit.morning.api import SECTOR, Api, Json, Unanswered
from hydrobit.morning.plan import ZONE, dawn
from hydrobit.morning.play import MORNING, is_unfinished, play
from hydrobit.morning.telling import Teller
from hydrobit.settings import Settings
from hydrobit.storage import directory

TOKEN_S = 86_400


async def serve_and_play(chosen: Settings) -> None:
    """Serves until SIGINT or SIGTERM; beside it plays the morning, if the store has none, and says what to try.

    Safe to repeat: a morning that was played stays as it is, one that was interrupted goes on. Who stops the server
    stops the morning; a morning that fails stops the server. Raises SettingError, DemoFailed and what `app.serve` does.
    """
    if not chosen.local_tokens:
        raise SettingError("the demo signs its own token; switch HYDROBIT_LOCAL_TOKENS on for it")
    listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(app.serve(chosen, started=listening.set_result))
    demo = asyncio.create_task(_play_and_tell(chosen, listening))
    await asyncio.wait({server, demo}, return_when=asyncio.FIRST_COMPLETED)

    demo.cancel()  # changes nothing where the demo has come to its end
    (failure,) = await asyncio.gather(demo, return_exceptions=True)
    if isinstance(failure, Unanswered):  # as by a server that was told to stop, and is about to
        await asyncio.wait({server}, timeout=chosen.stop_s_max)
    if failure is not None and not server.done():
        server.cancel()
        await asyncio.wait({server})
        raise failure
    await server


async def _play_and_tell(chosen: Settings, listening: asyncio.Future[int]) -> None:
    address, tell = chosen.address(await listening), Teller()
    tell.say(f"Hydrobit {version('hydrobit')} serves {address} with its store in {chosen.data}. Ctrl-C stops it.")
    tell.say()
    now = SystemClock().now()
    key = SigningKey.load_or_create(directory.signing_key(chosen))
    token = key.sign(ADMIN, now, TOKEN_S, chosen.issuer, chosen.audience)
    api = Api(address, token)
    try:
        session = await _find_session(api, now)
        if is_unfinished(session):
            await play(api, session, tell)
            tell.say()
        hints.show(tell, chosen, address, token, session["sessionId"], now)
    finally:
        await api.close()


async def _find_session(api: Api, now: int) -> Json:
    """The open session of the demo's sector; opened at dawn where the store is empty, and now where it ran out.

    May run twice: the open session of a project, day and sector is one, whoever asks for it.
    """
    for session in await api.sessions(status="open", limit="100"):
        if (session["projectId"], session["sectorId"]) == (PROJECT, SECTOR):
            return session
    if await api.sessions(limit="1"):
        return await api.open_session(now)
    opened_at = dawn(now)
    return await api.open_session(opened_at, f"{MORNING}{local_day(opened_at, ZONE)}")
