"""Time as an argument: whoever needs the present instant is handed a `Clock`."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the present instant in milliseconds since 1970-01-01T00:00Z."""

    def now(self) -> int: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000
