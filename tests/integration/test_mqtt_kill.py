"""The server is killed between a commit and its acknowledgement, over and over: what comes again counts once."""

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from hydrobit.transport.mqtt.packets import V3_1_1, V5, PubAck, PubComp, PubRec, PubRel
from hydrobit.transport.mqtt.properties import Properties
from hydrobit.transport.mqtt.reasons import Reason
from tests import books
from tests.callers import Caller
from tests.mqtt_raw import Client, Ended, message
from tests.servers import RunningServer, event, running
from tests.tools import Measured

KILLS, SEED = 20, 7
FRESH_MAX, WINDOW = 60, 20


class Scale(NamedTuple):
    """One client, which forgets nothing that was not acknowledged."""

    random: Random
    session_id: str
    waiting: list[str]
    """Events without an acknowledgement, in their order."""

    def send(self, server: RunningServer, fresh: list[str]) -> tuple[int, bool]:
        """Sends what waits, then what is new, until all is acknowledged or the server is gone; how many were, and
        whether the server knew the client's session.
        """
        again = len(self.waiting)
        self.waiting.extend(fresh)
        version, qos = self.random.choice([V3_1_1, V5]), self.random.choice([1, 2])
        acknowledged, is_present = 0, False
        with Client(server.address, version) as client:
            staying: dict[str, Any] = {"properties": Properties(session_expiry_interval=600)} if version == V5 else {}
            try:
                answer = client.connect(server.token(), clean_start=False, **staying)
                assert answer.reason == Reason.success
                is_present = answer.session_present
                while self.waiting:
                    window = self.waiting[:WINDOW]
                    for place, name in enumerate(window, 1):
                        body = event(self.session_id, name)
                        client.send(message(body, packet_id=place, qos=qos, dup=acknowledged + place <= again))
                    for place in range(1, len(window) + 1):
                        acknowledgement = client.next()
                        assert isinstance(acknowledgement, PubAck if qos == 1 else PubRec)
                        assert (acknowledgement.packet_id, acknowledgement.reason) == (place, Reason.success)
                        acknowledged += 1
                        del self.waiting[0]
                    if qos == 2:
                        client.send(*map(PubRel, range(1, len(window) + 1)))
                        assert [client.next() for _ in window] == [*map(PubComp, range(1, len(window) + 1))]
            except Ended:
                pass
        return acknowledged, is_present


def test_what_was_committed_and_not_acknowledged_comes_again_and_counts_once(
    tmp_path: Path, measured: Measured
) -> None:
    data, random = tmp_path / "data", Random(SEED)
    with running(data) as server, Caller(server) as admin:
        scale = Scale(random, admin.opened(), [])
        assert server.stop() == 0
    sent, told, stored_untold = list[str](), 0, 0
    for kill in range(1, KILLS + 1):
        fresh = [f"kill-{kill}-{number}" for number in range(random.randint(1, FRESH_MAX))]
        dies_at = len(scale.waiting) + random.randint(1, len(fresh))
        with running(data, module="tests.mqtt_dying", environment={"DIES_AT": str(dies_at)}) as server:
            acknowledged, is_present = scale.send(server, fresh)
            assert server.process.wait(20) < 0, "it was killed"
        sent += fresh
        told += acknowledged
        assert is_present is (kill > 1)
        found = stored(data)
        assert set(found) >= set(sent) - set(scale.waiting), "an acknowledged event is lost"
        assert max(found.values()) == 1
        untold = sum(name in found for name in scale.waiting)
        assert untold, "the server died after a commit"
        stored_untold += untold
    with running(data) as server:
        scale.send(server, [])
        assert (scale.waiting, stored(data)) == ([], Counter(sent))
        assert server.stop() == 0
    books.verify(data)
    measured(
        f"{KILLS} kills between commit and acknowledgement: {len(sent)} events, {told} acknowledged before a kill,"
        f" {stored_untold} times one was committed and not acknowledged, and came again; each counts once"
    )


def stored(data: Path) -> Counter[str]:
    return Counter(line.client_event_id or "" for line in books.lines(data) if line.kind == books.COUNT)
