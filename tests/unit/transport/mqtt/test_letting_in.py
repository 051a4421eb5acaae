"""Who is let in while others look after the sessions."""

import asyncio
import os
from pathlib import Path

from hydrobit import catalog
from hydrobit.devices.keeping import Keeping
from hydrobit.storage.queries import SQLITE
from hydrobit.transport.metrics import Metrics
from hydrobit.transport.mqtt.clients import Clients
from hydrobit.transport.mqtt.connection import Connection, Head
from hydrobit.transport.mqtt.road import Road
from tests import engines, gate
from tests.gate import Gate
from tests.tools import alone_on

MESSAGE_BYTES_MAX = 1_000
WAIT_S_MAX = 20
LET_IN = b"\x20\x02\x00\x00"


class Wire:
    """Fits `Carrier`. `written` resolves to what is written first."""

    def __init__(self) -> None:
        self.written: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def write(self, data: bytes) -> None:
        self.written.set_result(data)

    def close(self) -> None: ...

    def abort(self) -> None: ...

    def wait(self, is_crowded: bool) -> None: ...

    @property
    def held_bytes(self) -> int:
        return 0

    async def drain(self) -> None: ...


def clients_of(opened: Gate) -> Clients:
    context = opened.house.context
    road = Road(catalog.OPERATIONS, opened.dispatcher, lambda _row: MESSAGE_BYTES_MAX)
    keeping = Keeping(context.engine, context.clock, context.settings)
    keeping.start()
    return Clients(road, opened.identity, keeping, context.clock, context.settings, Metrics(), os.urandom)


def hello(token: str) -> bytes:
    """CONNECT of MQTT 3.1.1 with the token as password."""
    texts = b"".join(len(text).to_bytes(2, "big") + text for text in (b"scale", b"whoever", token.encode()))
    content = b"\x00\x04MQTT\x04\xc2\x00\x00" + texts
    high, low = divmod(len(content), 128)
    return b"\x10" + bytes([0x80 | low, high]) + content


@alone_on(SQLITE, "only there another process can hold back every write")
async def test_a_client_whose_session_is_being_written_is_not_taken_for_one_that_lost_it(tmp_path: Path) -> None:
    async with gate.opened(tmp_path) as opened:
        clients, wire = clients_of(opened), Wire()
        connection = Connection(clients, wire, Head())
        async with asyncio.timeout(WAIT_S_MAX):
            with engines.locked(opened.house.data):
                connection.received(hello(opened.token()))
                while not clients.count:  # noqa: ASYNC110 - nobody tells when one is counted in
                    await asyncio.sleep(0)
                await clients.look_after_sessions()
            assert await wire.written == LET_IN
            await clients.keeping.stop()  # type: ignore[attr-defined]  # what `app` does
