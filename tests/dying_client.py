"""A client that kills itself at a step: `python -m tests.dying_client URL TOKEN OUTBOX SESSION PREFIX LENGTH STEP`.

Steps are what it keeps, and each thing that its delivery asks for, before and after it is done. It prints the number of
steps when it gets through alive.
"""

import os
import signal
import sys
from typing import Any

from hydrobit.client import Client, Outbox, Pace
from hydrobit.client.steps import Step

AT = "2025-10-19T14:30:00.000Z"
WORKERS = ("JS0315", "AG0110", "LM0622")
PACE = Pace(wait_s_first=0.01, bulk_length_first=4, bulk_length_max=4)


class Steps:
    """Counts down to the death of this process."""

    def __init__(self, number: int) -> None:
        self.done, self._number = 0, number

    def step(self) -> None:
        self.done += 1
        if self.done == self._number:
            os.kill(os.getpid(), signal.SIGKILL)


class DyingClient(Client):
    """A client that counts what it does."""

    def __init__(self, steps: Steps, *words: Any, **options: Any) -> None:
        super().__init__(*words, **options)
        self._steps = steps

    def _take(self, step: Step) -> object:
        self._steps.step()
        told = super()._take(step)
        self._steps.step()
        return told


def fill(outbox: Outbox, steps: Steps, session: str, prefix: str, length: int) -> None:
    """Hands in all events; those that are there already are the same."""
    for number in range(length):
        outbox.record(session, WORKERS[number % 3], "A Picker", client_event_id=f"{prefix}_{number:05}", recorded_at=AT)
        steps.step()


def main() -> None:
    url, token, path, session, prefix, length, number = sys.argv[1:]
    steps = Steps(int(number))
    with Outbox(path) as outbox, DyingClient(steps, url, token, pace=PACE) as client:
        fill(outbox, steps, session, prefix, int(length))
        client.deliver(outbox)
    print(steps.done)


if __name__ == "__main__":
    main()
