"""The scale: it weighs at its pace, and sends what it has kept, in order, while it has a signal."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Protocol

from hydrobit.client import calls, counts
from hydrobit.client.counts import Count
from hydrobit.errors import SettingError
from hydrobit.kit.clock import Clock
from hydrobit.kit.instants import write_instant
from hydrobit.simulate.buffer import Buffer, Tally
from hydrobit.simulate.line import Line

IN_FLIGHT_MAX = 20
"""So many events wait for their acknowledgement at once."""
TURN_S = 0.05
FAREWELL_S_MAX = 2.0
"""How long a scale that ends waits for what is under way."""
RETRY_S, RETRY_S_MAX = 0.25, 8.0
"""The pause before the next try to connect, doubled each time."""
TARE_KG = 0.6


@dataclass(frozen=True, slots=True)
class Plan:
    """What is weighed, and when there is a signal."""

    user_id: str
    session_id: str
    workers: tuple[tuple[str, str], ...]
    """Ids and names of those who bring boxes."""
    device_id: str | None
    seed: int
    boxes_per_s: float
    boxes_max: int | None
    """So many are weighed in all, over all starts; None: until somebody stops it."""
    offline_every_s: float | None
    offline_for_s: float

    def has_signal(self, since_s: float) -> bool:
        """Whether there is one, so long after the start."""
        if self.offline_every_s is None:
            return True
        return since_s % (self.offline_every_s + self.offline_for_s) < self.offline_every_s

    def count(self, number: int, event_id: str, now: int) -> Count:
        """The count of one box: the same seed and number give the same worker and weight."""
        random = Random(f"{self.seed}-{number}")
        worker_id, name = random.choice(self.workers)
        gross = round(random.uniform(8, 14), 2)
        return counts.count(
            self.session_id,
            worker_id,
            name,
            units=1,
            recorded_at=write_instant(now),
            client_event_id=event_id,
            device_id=self.device_id,
            evidence={"gross": gross, "tare": TARE_KG},
        )


class Teller(Protocol):
    """Who is told how it goes."""

    def show(self, tally: Tally, state: str) -> None: ...

    def say(self, sentence: str) -> None: ...


class Scale:
    """One scale. `stop` may be called from a signal handler."""

    def __init__(self, plan: Plan, buffer: Buffer, connect: Callable[[], Line], clock: Clock, teller: Teller) -> None:
        self._plan, self._buffer, self._connect, self._clock, self._teller = plan, buffer, connect, clock, teller
        self._line: Line | None = None
        self._in_flight: dict[int, int] = {}
        """The numbers of boxes by those under which the line knows them."""
        self._sent_up_to = 0
        self._weighed = buffer.tally.weighed
        self._next_box_at = self._next_try_at = 0.0
        self._pause_s = RETRY_S
        self._is_stopped = False

    def stop(self) -> None:
        self._is_stopped = True

    def run(self) -> Tally:
        """Weighs and sends until all is done, or somebody stops it. Raises SettingError where the token is refused."""
        begun = time.monotonic()
        while not self._is_stopped and not self._is_done:
            since = time.monotonic() - begun
            self._weigh(since)
            self._mind_the_line(since)
            self._send()
            self._turn()
            self._teller.show(self._buffer.tally, "online" if self._line and self._line.is_open else "offline")
        self._take_leave()
        return self._buffer.tally

    @property
    def _is_done(self) -> bool:
        most = self._plan.boxes_max
        return most is not None and self._weighed >= most and not self._buffer.tally.waiting

    def _weigh(self, since: float) -> None:
        while since >= self._next_box_at and (self._plan.boxes_max is None or self._weighed < self._plan.boxes_max):
            self._buffer.weigh(self._count)
            self._weighed += 1
            self._next_box_at += 1 / self._plan.boxes_per_s

    def _count(self, number: int, event_id: str) -> Count:
        return self._plan.count(number, event_id, self._clock.now())

    def _mind_the_line(self, since: float) -> None:
        """Connects where there is a signal, and loses the connection where there is none."""
        if not self._plan.has_signal(since):
            if self._line is not None:
                self._line.cut()
                self._lose(since)
                self._next_try_at = since
        elif self._line is None:
            if since >= self._next_try_at:
                self._dial(since)
        elif self._line.is_over:
            self._lose(since)

    def _dial(self, since: float) -> None:
        try:
            self._line = self._connect()
        except OSError as e:
            self._teller.say(f"no connection: {e}")
            self._wait(since)

    def _lose(self, since: float) -> None:
        line, self._line = self._line, None
        assert line is not None, "only a line that is there can be lost"
        if line.is_refused:
            raise SettingError(f"the server does not let the scale in: {line.why}; {self._buffer.tally.waiting} wait")
        self._teller.say(f"offline: {line.why}")
        self._in_flight.clear()
        self._sent_up_to = 0  # whatever was under way comes again, in its order
        self._wait(since)

    def _wait(self, since: float) -> None:
        self._next_try_at = since + self._pause_s
        self._pause_s = min(2 * self._pause_s, RETRY_S_MAX)

    def _send(self) -> None:
        if self._line is None or not self._line.is_open:
            return
        for kept in self._buffer.waiting(self._sent_up_to, IN_FLIGHT_MAX - len(self._in_flight)):
            event = calls.record(kept.body).request(self._plan.user_id)
            self._in_flight[self._line.send(event.body or b"")] = kept.number
            self._sent_up_to = kept.number

    def _turn(self) -> None:
        if self._line is None:
            time.sleep(TURN_S)
            return
        self._line.turn(TURN_S)
        while self._line.outcomes:
            mid, refusal = self._line.outcomes.popleft()
            self._settle(self._in_flight.pop(mid), refusal)
            self._pause_s = RETRY_S

    def _settle(self, number: int, refusal: str) -> None:
        if not refusal:
            self._buffer.acknowledged(number)
            return
        self._buffer.refused(number, refusal)
        self._teller.say(f"box {number} was refused and is put aside: {refusal}")

    def _take_leave(self) -> None:
        """Waits a moment for what is under way, then leaves."""
        until = time.monotonic() + FAREWELL_S_MAX
        while self._in_flight and self._line and not self._line.is_over and time.monotonic() < until:
            self._turn()
        if self._line is not None and not self._line.is_over:
            with suppress(OSError):
                self._line.leave()
