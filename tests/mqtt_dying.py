"""The program, killed (kill -9) right before its DIES_AT-th acknowledgement over MQTT: all that it would acknowledge is
committed, and nobody was told.
"""

import itertools
import os
import signal
from typing import Any

from hydrobit import cli
from hydrobit.transport.mqtt.session import Session


def main() -> None:
    numbers, dies_at, acknowledge = itertools.count(1), int(os.environ["DIES_AT"]), Session.acknowledge

    def dying(self: Session, *said: Any, **named: Any) -> None:
        if next(numbers) == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        acknowledge(self, *said, **named)

    Session.acknowledge = dying  # type: ignore[assignment, method-assign]
    cli.main()


if __name__ == "__main__":
    main()
