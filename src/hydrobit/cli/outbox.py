"""Commands of the client: counts kept on this machine, and sent to a server. They need nothing of the server's."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.cli.common import AsJson, content_of, number, print_rows
from hydrobit.client.failures import OutboxError
from hydrobit.client.outbox import LIST_LENGTH_MAX, Item, Outbox, State
from hydrobit.errors import SettingError

if TYPE_CHECKING:
    from hydrobit.client.delivery import Progress
    from hydrobit.client.shells import Client

outbox = cyclopts.App(name="outbox", help="What is kept on this machine until the server has said what became of it.")
app.command(outbox)

TOKEN_BYTES_MAX = 16_384
LOOK_EVERY_S = 1.0
"""So often `watch` looks for new counts; other processes hand them in."""
TRY_EVERY_S_MAX = 60.0
"""So often it tries at least, where the server lets it not in or is away."""
TOKEN = "HYDROBIT_CLIENT_TOKEN"

OutboxFile = Annotated[
    Path,
    Parameter(name="--outbox", env_var="HYDROBIT_CLIENT_OUTBOX", help="The outbox's file; it is made where it is not."),
]
Url = Annotated[
    str,
    Parameter(
        name="--url", env_var="HYDROBIT_CLIENT_URL", help="The server: https://..., or mqtts:// or wss:// for MQTT."
    ),
]
TokenFile = Annotated[
    Path | None,
    Parameter(
        name="--token-file",
        env_var="HYDROBIT_CLIENT_TOKEN_FILE",
        help=f"Holds the token, and is read again when the server takes it no more. Without one, {TOKEN} is the token.",
    ),
]
User = Annotated[str | None, Parameter(name="--user", help="Who calls; the token's own user where it is left out.")]
Numbers = Annotated[Sequence[int], Parameter(name="NUMBER", help="As `outbox list` shows it.", negative="")]
DEFAULT = Path("hydrobit.outbox")
_KNOWN = ("number", "workerId", "units", "recordedAtUtc")
_SHOWN = {
    State.waiting: (*_KNOWN, "sessionId"),
    State.delivered: (*_KNOWN, "recordId"),
    State.held: (*_KNOWN, "heldId"),
    State.refused: (*_KNOWN, "code"),
}
"""What fits a terminal."""


@app.command(name="record")
def record_count(
    session_id: str,
    worker_id: str,
    worker_name: str,
    *,
    units: Annotated[str, Parameter(help="At most 6 decimals.")] = "1",
    at: Annotated[str | None, Parameter(help="When it was counted: 2025-10-19T14:30:00.000Z; now if left out.")] = None,
    event: Annotated[
        str | None, Parameter(help="Your own id of the event; the same once more is no second count.")
    ] = None,
    key: Annotated[str | None, Parameter(help="Your own idempotency key.")] = None,
    file: OutboxFile = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Keep a count on this machine; `sync` or `watch` sends it. Once it is printed, it is on the disk."""
    number(units, "--units")
    with Outbox(file) as opened:
        kept = opened.record(
            session_id,
            worker_id,
            worker_name,
            units=Decimal(units),
            recorded_at=at,
            client_event_id=event,
            idempotency_key=key,
        )
    print(json.dumps(_row(kept), ensure_ascii=False) if as_json else f"kept {kept.number} as {kept.event_id}")


@app.command(name="sync")
def sync_outbox(
    *,
    url: Url,
    token_file: TokenFile = None,
    user: User = None,
    file: OutboxFile = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Send what is kept, until nothing waits. Exit status 1 where some still does, 2 where the server refused some.

    Nothing is lost by either: `outbox list` shows what was refused.
    """
    with Outbox(file) as opened, _client(url, token_file, user) as client, _shown(opened, as_json) as tell:
        done = client.deliver(opened, tell)
    _print(done, as_json)
    if done.waiting or done.refused:
        sys.exit(1 if done.waiting else 2)


@app.command(name="watch")
def watch_outbox(
    *,
    url: Url,
    token_file: TokenFile = None,
    user: User = None,
    file: OutboxFile = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Send counts as they are kept, until Ctrl-C. Where the server is away, they wait."""
    try:
        with Outbox(file) as opened, _client(url, token_file, user) as client:
            wait_s = LOOK_EVERY_S
            while True:
                if opened.waiting(1):
                    with _shown(opened, as_json) as tell:
                        done = client.deliver(opened, tell)
                    _print(done, as_json)
                    wait_s = LOOK_EVERY_S if done.stopped is None else min(2 * wait_s, TRY_EVERY_S_MAX)
                time.sleep(wait_s)
    except KeyboardInterrupt:
        pass


@outbox.command(name="list")
def list_items(
    *,
    state: Annotated[
        State, Parameter(help="Dead letters are those that were refused: what is shown where no state is named.")
    ] = State.refused,
    file: OutboxFile = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """List what the server refused; by --state what waits, what was delivered, or what it holds for review."""
    with _existing(file) as opened:
        print_rows(map(_row, _all(opened, state)), as_json, f"nothing is {state.value}", shown=_SHOWN[state])


@outbox.command(name="again")
def hand_in_again(
    numbers: Numbers = (),
    *,
    every: Annotated[bool, Parameter(name="--all", help="All dead letters.", negative="")] = False,
    session: Annotated[str | None, Parameter(help="Another session.")] = None,
    worker: Annotated[str | None, Parameter(help="Another worker.")] = None,
    at: Annotated[str | None, Parameter(help="Another time of counting.")] = None,
    event: Annotated[str | None, Parameter(help="Another id of the event, where the first one is taken.")] = None,
    file: OutboxFile = DEFAULT,
) -> None:
    """Hand in dead letters anew, with what was put right."""
    said = {"sessionId": session, "workerId": worker, "recordedAtUtc": at, "clientEventId": event}
    changes = {name: value for name, value in said.items() if value is not None}
    if not numbers and not every:
        raise SettingError("name dead letters by their numbers, or all of them by --all")
    with _existing(file) as opened:
        for each in [item.number for item in _all(opened, State.refused)] if every else numbers:
            print(f"{opened.again(each, **changes).number} waits again")


@outbox.command(name="forget")
def forget_items(numbers: Numbers, *, file: OutboxFile = DEFAULT) -> None:
    """Take away dead letters, and what the server holds for review."""
    with _existing(file) as opened:
        for each in numbers:
            opened.forget(each)
            print(f"forgot {each}")


def _client(url: str, token_file: Path | None, user: str | None) -> "Client":
    from hydrobit.client.shells import Client

    def read() -> str:
        return _token(token_file)

    return Client(url, read(), user=user, renew=read)


def _token(file: Path | None) -> str:
    """Raises SettingError."""
    if file is not None:
        found = content_of(file, TOKEN_BYTES_MAX).decode("ascii", "replace").strip()
    else:
        found = os.environ.get(TOKEN, "").strip()
    if not found:
        raise SettingError(f"there is no token: name its file by --token-file, or set {TOKEN}")
    return found


def _existing(file: Path) -> Outbox:
    """Raises OutboxError: who only looks makes no file."""
    if not file.exists():
        raise OutboxError(f"there is no outbox {file}; name it by --outbox")
    return Outbox(file)


def _all(opened: Outbox, state: State) -> Iterator[Item]:
    after = 0
    while found := opened.items(state, after=after):
        yield from found
        after = found[-1].number
        if len(found) < LIST_LENGTH_MAX:
            return


@contextmanager
def _shown(opened: Outbox, as_json: bool) -> "Iterator[Callable[[Progress], None] | None]":
    """A bar on a terminal, a line for each pause where there is none; nothing where a program reads."""
    from rich.console import Console

    console = Console(stderr=True)
    if as_json:
        yield None
        return
    if not console.is_terminal:
        yield _tell_pause
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("sending", total=opened.counts()[State.waiting])

        def tell(progress: "Progress") -> None:
            done = progress.recorded + progress.repeated + progress.held + progress.refused
            paused = progress.pause_s is not None
            bar.update(
                task,
                description=_paused(progress) if paused else "sending",
                completed=done,
                total=done + progress.waiting,
            )

        yield tell


def _tell_pause(progress: "Progress") -> None:
    if progress.pause_s is not None:
        print(f"hydrobit: {_paused(progress)}, {progress.waiting} wait", file=sys.stderr, flush=True)


def _paused(progress: "Progress") -> str:
    return f"no answer to be used; the next try is in {progress.pause_s:.1f} s"


def _print(done: "Progress", as_json: bool) -> None:
    facts = {
        "recorded": done.recorded,
        "repeated": done.repeated,
        "held": done.held,
        "refused": done.refused,
        "waiting": done.waiting,
        "stopped": done.stopped,
    }
    if as_json:
        print(json.dumps(facts, ensure_ascii=False), flush=True)
        return
    *numbers, stopped = facts.items()
    print(", ".join(f"{value} {name}" for name, value in numbers), flush=True)
    if done.refused:
        print("hydrobit: `hydrobit outbox list` shows what was refused, and why", file=sys.stderr)
    if stopped[1]:
        print(f"hydrobit: {stopped[1]}", file=sys.stderr)


def _row(item: Item) -> dict[str, Any]:
    return {
        "number": item.number,
        "state": item.state.value,
        "clientEventId": item.event_id,
        "sessionId": item.body["sessionId"],
        "workerId": item.worker_id,
        "units": item.body["units"],
        "recordedAtUtc": item.body["recordedAtUtc"],
        "recordId": item.record_id,
        "heldId": item.held_id,
        "code": item.code,
        "error": item.sentence,
        "serverTime": item.server_time,
    }
