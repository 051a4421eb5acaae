"""What the demo says at its end: a call to paste, a token, and what to try next."""

import json
import shlex
import shutil
import sys
import uuid
from pathlib import Path

from hydrobit.demo.company import ADMIN, CREW, SUPERVISOR
from hydrobit.morning.api import PRODUCTION, SECTOR, record_body
from hydrobit.morning.plan import Count
from hydrobit.morning.telling import Teller
from hydrobit.settings import Settings


def show(tell: Teller, chosen: Settings, address: str, token: str, session_id: str, now: int) -> None:
    """Says it all; the call and the token stand on lines of their own, to be copied whole."""
    hydrobit, data = _command(), shlex.quote(str(chosen.data))
    tell.say(f"The session in {SECTOR} is open. To count one box more, paste this (twice, and it still counts once):")
    tell.say()
    tell.say(record_by_curl(address, token, session_id, now))
    tell.say()
    tell.say(f"The token of {ADMIN}, good for one day:")
    tell.say()
    tell.say(token)
    tell.say()
    tell.say("What to try next:")
    tell.say(f"  sector_002 is free for a session of your own; every call is told and tried at {address}/docs")
    tell.say(f"  {hydrobit} verify --data {data}    recomputes every sum and the chain of hashes, also while this runs")
    tell.say(f"  {hydrobit} token {SUPERVISOR} --data {data}    prints a token for the supervisor")


def record_by_curl(address: str, token: str, session_id: str, now: int) -> str:
    """One line for a shell that counts a box, as an event that was never sent before."""
    count = Count(f"evt_{uuid.uuid4().hex}", CREW[0], 1, now)
    return shlex.join(
        [
            "curl",
            f"{address}{PRODUCTION}/records",
            "-H",
            f"authorization: Bearer {token}",
            "-H",
            "content-type: application/json",
            "-d",
            json.dumps(record_body(session_id, count), ensure_ascii=False),
        ]
    )


def _command() -> str:
    """How this very installation's `hydrobit` is called from here."""
    if shutil.which("hydrobit"):
        return "hydrobit"
    path = Path(sys.executable).with_name("hydrobit")
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
