"""What was seen of a client in one scenario: values, from which it is judged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from hydrobit.certify.counts import Given, known
from hydrobit.certify.faults import Fault

_NOT_OF_THE_COUNT = (401, 408, 425, 429)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the server decided of one count, whether its client heard it or not."""

    status: int
    code: str = ""
    sentence: str = ""
    """What it said of a refusal."""

    def __str__(self) -> str:
        return f"{self.status} {self.code}".strip()

    @property
    def is_stored(self) -> bool:
        return self.status in (200, 201)

    @property
    def is_final(self) -> bool:
        """Whether the client is done with it, once it has heard this."""
        return self.is_stored or self.is_refused

    @property
    def is_refused(self) -> bool:
        return 400 <= self.status < 500 and self.status not in _NOT_OF_THE_COUNT


@dataclass(frozen=True, slots=True)
class Carried:
    """One count of a request, as the client sent it."""

    count: Given | None
    """None where it is none of those that were given."""
    said: Mapping[str, Any]
    outcome: Outcome | None = None
    """None where the server never got it, or answered the request as a whole."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Times are seconds since the scenario began."""

    number: int
    """From 1, over all starts."""
    start: int
    """Which start of the client sent it, from 1."""
    at: float
    method: str
    path: str
    """With its query."""
    counts: tuple[Carried, ...] = ()
    """Empty for what records nothing."""
    fault: Fault | None = None
    status: int | None = None
    """What the client was answered; None where it got no answer."""
    code: str = ""
    answered_at: float | None = None

    @property
    def is_heard(self) -> bool:
        """Whether the server's own answer came back to the client."""
        return self.status is not None and (self.fault is None or self.fault.is_answered)

    def __str__(self) -> str:
        again = f" of start {self.start}" if self.start > 1 else ""
        return f"request {self.number}{again}"


def heard(requests: Sequence[Request], count: Given) -> Request | None:
    """The first request whose answer told its client what became of a count."""
    for request in requests:
        for carried in request.counts:
            if carried.count == count and request.is_heard and carried.outcome is not None and carried.outcome.is_final:
                return request
    return None


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the ledger."""

    event_id: str
    """Empty where it cannot be told."""
    worker_id: str
    units: Decimal
    recorded_at: str


@dataclass(frozen=True, slots=True)
class Report:
    """A line by which the client said that a count was refused."""

    event_id: str
    code: str


class End(Enum):
    """How a scenario came to its end."""

    done = "done"
    """The client ended with status 0."""
    gave_up = "gave up"
    """It ended with another status, as often as it was started again."""
    time = "time"
    """It was stopped when the time was over."""
    flood = "flood"
    """It was stopped since it sent more than anybody needs."""
    not_started = "not started"
    """Its command cannot be started."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All of it."""

    counts: Sequence[Given]
    requests: Sequence[Request]
    records: Sequence[Record]
    """In the order of the ledger, without what was there before the client began."""
    reports: Sequence[Report]
    end: End
    statuses: Sequence[int]
    """The exit status of each start; below zero the signal that ended it."""
    seconds: float
    complaint: str = ""
    """The end of what the client wrote to its standard error."""

    def sendings(self, count: Given) -> Iterator[tuple[Request, Carried]]:
        """Each time that a count was sent, in order."""
        for request in self.requests:
            for carried in request.counts:
                if carried.count == count:
                    yield request, carried

    def heard(self, count: Given) -> Request | None:
        """The request by which the client heard what became of a count."""
        return heard(self.requests, count)

    def count_of(self, record: Record) -> Given | None:
        """The count that a record stands for, under whichever id; None where there is none."""
        said = {"clientEventId": record.event_id, "workerId": record.worker_id, "units": record.units}
        return known(self.counts, said)

    def records_of(self, count: Given) -> list[Record]:
        """The records that a count led to."""
        return [record for record in self.records if self.count_of(record) == count]
