"""Commands for devices in the field: their register, their tokens, refused messages, and one device simulated."""

import signal
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import cyclopts
from cyclopts import Parameter

from hydrobit.cli import app
from hydrobit.cli.common import (
    PAGE,
    AsJson,
    Company,
    Data,
    all_rows,
    authored,
    checked_id,
    checked_name,
    checked_user,
    company_number,
    now,
    opened,
    print_rows,
    seconds,
    settings,
)
from hydrobit.devices import letters as rules
from hydrobit.devices import reading, service, store
from hydrobit.errors import SettingError
from hydrobit.kit.clock import SystemClock
from hydrobit.kit.instants import write_instant

DAY_S = 86_400

device = cyclopts.App(name="device", help="Devices in the field.")
letters = cyclopts.App(name="letters", help="Messages of devices that were refused; a replay is the API's to do.")
app.command(device)
device.command(letters)


@device.command(name="add")
def add_device(
    device_id: str,
    name: str,
    *,
    company: Company,
    project: Annotated[str, Parameter(help="The project that it belongs to.")],
    data: Data = None,
) -> None:
    """Add a device to a project."""
    wish = reading.DeviceWish(reading.device_id(device_id), checked_id(project), checked_name(name))
    with authored(data, company) as (opened_store, author):
        opened_store.write(service.add_device, author, company, wish)
    print(f"added device {wish.device_id}")


@device.command(name="list")
def list_devices(*, company: Company, data: Data = None, as_json: AsJson = False) -> None:
    """List a company's devices, revoked ones too."""
    with opened(settings(data=data)) as opened_store:
        number = company_number(opened_store, company)
        found = all_rows(lambda page: opened_store.read(store.page_of_devices, number, page, PAGE))
    print_rows(map(_device_row, found), as_json, "there is no device")


@device.command(name="revoke")
def revoke_device(device_id: str, *, company: Company, data: Data = None) -> None:
    """Refuse all tokens of a device for ever, within seconds; its connections end."""
    with authored(data, company) as (opened_store, author):
        opened_store.write(service.revoke_device, author, checked_id(device_id))
    print(f"revoked device {device_id}")


@device.command(name="token")
def device_token(
    device_id: str,
    *,
    company: Company,
    user: Annotated[
        str | None, Parameter(help="The user for whom it acts; without one it may only send readings.")
    ] = None,
    expires: Annotated[str, Parameter(help="How long it is valid: 15m, 1h, 1d.")] = "1h",
    data: Data = None,
) -> None:
    """Print a token for a device, signed by the store's own key."""
    from hydrobit.identity import own_keys
    from hydrobit.storage import directory

    chosen = settings(data=data)
    lifetime_s = seconds(expires, "--expires", chosen.iot_token_s_max)
    acts_for = None if user is None else checked_user(user)
    with opened(chosen) as opened_store:
        number = company_number(opened_store, company)
        key = own_keys.settle(opened_store, directory.signing_key(chosen), now(), is_alone=not chosen.database_url)
        found = opened_store.read(service.require_token, number, checked_id(device_id), acts_for, key.kid)
    print(
        key.sign_for_device(
            acts_for, checked_id(company), found.as_caller, now(), lifetime_s, chosen.issuer, chosen.iot_audience
        )
    )


@device.command(name="simulate")
def simulate_device(
    url: Annotated[str, Parameter(help="Where the server speaks MQTT: ws, wss, mqtt or mqtts.")],
    *,
    token: Annotated[
        str, Parameter(env_var="DEVICE_TOKEN", help="A token that acts for a user, as `hydrobit device token` prints.")
    ],
    session: Annotated[str, Parameter(help="The open session that is counted into; the token's user owns it.")],
    worker: Annotated[
        list[str],
        Parameter(
            help="Who brings boxes: `JS0315`, or `JS0315:John Smith`; repeatable.", negative=(), consume_multiple=False
        ),
    ],
    buffer: Annotated[Path, Parameter(help="The file that keeps what is not acknowledged.")] = Path("scale.db"),
    boxes: Annotated[int | None, Parameter(help="Stop after so many in all, earlier starts included.")] = None,
    pace: Annotated[float, Parameter(help="Boxes a second.")] = 1.0,
    offline_every: Annotated[str | None, Parameter(help="Lose the signal each time after so long: 30s, 5m.")] = None,
    offline_for: Annotated[str, Parameter(help="How long it is gone.")] = "10s",
    seed: Annotated[int, Parameter(help="Who brings which box, and its weight.")] = 1,
    trust: Annotated[Path | None, Parameter(help="A file of certificates to trust in place of the system's.")] = None,
) -> None:
    """Weigh boxes as a scale in the field does: keep each, send it when there is a signal, and forget it when it is
    acknowledged.

    Ctrl-C ends it; the next start with the same buffer goes on.
    """
    from hydrobit.identity.compact import read_compact
    from hydrobit.simulate.buffer import Buffer
    from hydrobit.simulate.line import Address, Line
    from hydrobit.simulate.scale import Plan, Scale
    from hydrobit.simulate.telling import Teller

    address, claims = Address.read(url), read_compact(token).claims
    if "sub" not in claims:
        raise SettingError("the token acts for nobody and may not count; ask for one with --user")
    if pace <= 0:
        raise SettingError(f"--pace is {pace}; it must be greater than 0")
    plan = Plan(
        user_id=claims["sub"],
        session_id=session,
        workers=tuple((one.partition(":")[0], one.partition(":")[2] or one) for one in worker),
        device_id=claims.get("deviceId"),
        seed=seed,
        boxes_per_s=pace,
        boxes_max=boxes,
        offline_every_s=None if offline_every is None else seconds(offline_every, "--offline-every", DAY_S),
        offline_for_s=seconds(offline_for, "--offline-for", DAY_S),
    )
    client_id = f"scale-{plan.device_id or plan.user_id}"
    kept = Buffer(buffer)
    with Teller() as teller:
        scale = Scale(plan, kept, lambda: Line(address, token, client_id, trust), SystemClock(), teller)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: scale.stop())
        tally = scale.run()
    kept.close()
    print(tally)
    if tally.waiting:
        print(f"{tally.waiting} wait in {buffer}; the next start sends them")


@letters.command(name="list")
def list_letters(
    *,
    company: Company,
    status: Annotated[
        Literal["waiting", "replayed"] | None, Parameter(help="Only those that wait, or that somebody saw to.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List messages that were refused, latest first."""
    with opened(settings(data=data)) as opened_store:
        number = company_number(opened_store, company)
        found = all_rows(lambda page: opened_store.read(store.page_of_letters, number, status, page, PAGE))
    print_rows(
        map(_letter_row, found),
        as_json,
        "there is no dead letter",
        shown=("letterId", "receivedAt", "deviceId", "code", "replayedAt"),
    )


@letters.command(name="show")
def show_letter(letter_id: str, *, company: Company, data: Data = None) -> None:
    """Print what stands in a message that was refused, as it came; why it was, on standard error."""
    with opened(settings(data=data)) as opened_store:
        number = company_number(opened_store, company)
        letter, payload = opened_store.read(rules.require, number, checked_id(letter_id))
    print(f"{letter.topic} of {letter.subject}: {letter.code}, {letter.detail}", file=sys.stderr)
    sys.stdout.buffer.write(payload)
    sys.stdout.buffer.flush()


def _device_row(one: store.RegisteredDevice) -> dict[str, Any]:
    return {
        "deviceId": one.device_id,
        "projectId": one.project_id,
        "name": one.name,
        "createdAt": write_instant(one.created_at),
        "revokedAt": _instant(one.revoked_at),
    }


def _letter_row(one: store.KeptLetter) -> dict[str, Any]:
    return {
        "letterId": rules.letter_id(one.letter_no),
        "receivedAt": write_instant(one.received_at),
        "userId": one.subject,
        "deviceId": one.device_id,
        "clientId": one.client_id,
        "topic": one.topic,
        "payloadBytes": one.length,
        "code": one.code,
        "error": one.detail,
        "replayedAt": _instant(one.replayed_at),
        "replayStatus": one.replay_status,
    }


def _instant(at: int | None) -> str | None:
    return None if at is None else write_instant(at)
