"""The rows of devices: their register, their tokens, where they connect, what they read.

Those of messages that were refused stand in `letter_operations`.
"""

import asyncio
from collections.abc import Sequence

from msgspec import UNSET, Raw

from hydrobit.audit.service import author_of
from hydrobit.devices import keeping, letter_operations, reading, service, store
from hydrobit.devices import readings as measuring
from hydrobit.devices.reading import SentReading
from hydrobit.devices.readings import Outcome
from hydrobit.devices.store import RegisteredDevice
from hydrobit.errors import CATALOGUE, Code
from hydrobit.identity.signing import SigningKey
from hydrobit.job import Job
from hydrobit.kit.instants import write_instant
from hydrobit.operation import (
    ADMINS,
    ANYONE,
    END_DAY_QUERY,
    HOST,
    PAGING,
    START_DAY_QUERY,
    WRITERS,
    Call,
    Context,
    Http,
    Operation,
    Parameter,
    Repeat,
    Reply,
    Scope,
)
from hydrobit.settings import Settings
from hydrobit.storage import directory
from hydrobit.wire import days, fields
from hydrobit.wire import devices as wire
from hydrobit.wire import readings as reading_wire
from hydrobit.wire.body import Body
from hydrobit.wire.records import BulkSummary

READ_ON_LOOP_LENGTH_MAX = 20
"""More readings than these are read beside the event loop."""


async def create_device(context: Context, call: Call) -> Reply:
    wish, author = reading.device_wish(call.body), author_of(context, call)
    added, is_new = await context.engine.write(service.add_device, author, call.caller.company_id, wish)
    return _answer_device(call, added, is_new)


async def list_devices(context: Context, call: Call) -> Reply:
    page, page_size = call.page
    total, found = await context.engine.read(store.page_of_devices, call.caller.company, page, page_size)
    items = [_device(call, device) for device in found]
    return Reply(
        200, wire.DevicePageEnvelope(data=wire.DevicePage(total=total, page=page, pageSize=page_size, items=items))
    )


async def revoke_device(context: Context, call: Call) -> Reply:
    author = author_of(context, call)
    return _answer_device(call, await context.engine.write(service.revoke_device, author, call.path["deviceId"]))


async def issue_token(context: Context, call: Call) -> Reply:
    settings, caller = context.settings, call.caller
    wish = reading.token_wish(call.body, caller, settings)
    # The file is read each time: `hydrobit signing-key rotate` replaces it while servers run.
    key = await asyncio.to_thread(SigningKey.load_or_create, directory.signing_key(settings))
    device = await context.engine.read(service.require_token, caller.company, wish.device_id, wish.user_id, key.kid)
    token = key.sign_for_device(
        wish.user_id,
        caller.company_id,
        device.as_caller,
        call.now,
        wish.lifetime_s,
        settings.issuer,
        settings.iot_audience,
    )
    data = wire.IotToken(
        token=token,
        expiresAtUtc=write_instant((call.now // 1000 + wish.lifetime_s) * 1000),
        deviceId=device.device_id,
        projectId=device.project_id,
        auth0Id=wish.user_id or UNSET,
        topic=service.topic(caller.company_id, device),
        url=_address(settings, call),
    )
    return Reply(201, wire.IotTokenEnvelope(data=data, ignored=call.ignored_or_unset))


async def tell_address(context: Context, call: Call) -> Reply:
    device_id = service.require_same(call.caller, call.query["deviceId"])
    device = await context.engine.look_up(service.require, call.caller.company, device_id)
    topic = service.topic(call.caller.company_id, device)
    return Reply(200, wire.MqttAddress(url=_address(context.settings, call), deviceId=device.device_id, topic=topic))


async def add_readings(context: Context, call: Call, kind: str) -> Reply:
    device_id, elements = service.require_same(call.caller, call.body.deviceId), call.body.readings
    if len(elements) <= READ_ON_LOOP_LENGTH_MAX:
        sent = reading.readings(elements, call.now, context.settings)
    else:
        sent = await asyncio.to_thread(reading.readings, elements, call.now, context.settings)
    good = [one.reading for one in sent if one.reading is not None]
    outcomes = await context.engine.write(measuring.add_readings, call.caller.company, device_id, kind, good)
    results = _results(sent, outcomes)
    summary = _summary(results)
    told = reading_wire.ReadingsOutcome(results=results, summary=summary, ignored=call.ignored_or_unset)
    return Reply(207, told)


async def read_readings(context: Context, call: Call, kind: str) -> Reply:
    device_id, span, length = call.query["deviceId"], days.span(call.query), call.query.get("limit", 100)
    after = fields.instant(call.query["after"], "after") if "after" in call.query else None
    found = await context.engine.read(
        measuring.read_readings, call.caller.company, device_id, kind, span, after, length + 1
    )
    data = reading_wire.ReadingPage(
        deviceId=device_id,
        kind=kind,  # type: ignore[arg-type]
        range=span,
        items=list(map(_reading, found[:length])),
        next=write_instant(found[length - 1].at) if len(found) > length else UNSET,
    )
    return Reply(200, reading_wire.ReadingPageEnvelope(data=data))


def _reading(found: store.Reading) -> reading_wire.Reading:
    return reading_wire.Reading(
        recordedAtUtc=write_instant(found.at),
        receivedAtUtc=write_instant(found.received_at),
        values=Raw(found.content.encode()),
    )


def _results(sent: Sequence[SentReading], outcomes: Sequence[Outcome]) -> list[reading_wire.ReadingResult]:
    following = iter(outcomes)
    return [
        _result(index, one, one.refused if one.refused is not None else next(following))
        for index, one in enumerate(sent)
    ]


def _result(index: int, sent: SentReading, outcome: Outcome) -> reading_wire.ReadingResult:
    at = UNSET if sent.recorded_at is None else sent.recorded_at
    if isinstance(outcome, bool):
        ignored = list(sent.ignored) or UNSET
        return reading_wire.ReadingResult(
            index=index, statusCode=201 if outcome else 200, recordedAtUtc=at, ignored=ignored
        )
    told = reading_wire.ReadingResult.__struct_fields__
    return reading_wire.ReadingResult(
        index=index,
        statusCode=outcome.status,
        recordedAtUtc=at,
        message=CATALOGUE[outcome.code].message,
        error=outcome.detail,
        code=outcome.code.value,
        **{name: value for name, value in outcome.extra.items() if name in told},  # type: ignore[arg-type]
    )


def _summary(results: Sequence[reading_wire.ReadingResult]) -> BulkSummary:
    ok = sum(result.statusCode == 201 for result in results)
    duplicated = sum(result.statusCode == 200 for result in results)
    return BulkSummary(ok=ok, duplicated=duplicated, failed=len(results) - ok - duplicated)


def _address(settings: Settings, call: Call) -> str:
    """Where MQTT is spoken: as the operator says, else as the caller has reached the server."""
    host = call.path.get(HOST)
    reached = settings.public_url or (f"http://{host}" if host else settings.address(settings.port))
    return f"ws{reached.removeprefix('http').rstrip('/')}{MQTT_PATH}"


def _answer_device(call: Call, device: RegisteredDevice, is_new: bool = False) -> Reply:
    told = wire.DeviceEnvelope(data=_device(call, device), ignored=call.ignored_or_unset)
    return Reply(201 if is_new else 200, told)


def _device(call: Call, device: RegisteredDevice) -> wire.Device:
    return wire.Device(
        deviceId=device.device_id,
        projectId=device.project_id,
        name=device.name,
        status="active" if device.revoked_at is None else "revoked",
        topic=service.topic(call.caller.company_id, device),
        createdAt=write_instant(device.created_at),
        revokedAt=UNSET if device.revoked_at is None else write_instant(device.revoked_at),
    )


TAG = "IoT Endpoint"
PATH = "/api/control/iot"
DEVICES = f"{PATH}/devices"
MQTT_PATH = "/mqtt"


def _rows_of_readings(kind: str) -> tuple[Operation, Operation]:
    """How readings of a kind come in, and how they are read."""

    async def add(context: Context, call: Call) -> Reply:
        return await add_readings(context, call, kind)

    async def read(context: Context, call: Call) -> Reply:
        return await read_readings(context, call, kind)

    name = f"{kind[0].upper()}{kind[1:]}"
    return (
        Operation(
            name=f"add{name}Readings",
            tag=TAG,
            summary=f"Hand in {kind} readings of a device",
            description=(
                "Every reading is checked by itself; one that is refused does not stop the others. A device has one "
                "reading of a kind at an instant: the same again is answered with 200, another one with 409 and what "
                "is kept. A company key, a user or the device itself may send them."
            ),
            http=Http("POST", f"{PATH}/{kind}", {207: "One outcome per reading, and a tally."}),
            handler=add,
            request=Body(reading_wire.ReadingsInput),
            answer=reading_wire.ReadingsOutcome,
            roles=WRITERS,
            scope=Scope.write_iot,
            repeat=Repeat.by_instant,
            errors=(Code.device_not_found, Code.device_mismatch, Code.too_many_records),
            request_examples={
                "two": {
                    "deviceId": "bitRTU-01",
                    "readings": [
                        {"recordedAtUtc": "2025-10-19T14:30:00.000Z", "values": {"temperature": 21.5, "humidity": 64}},
                        {"recordedAtUtc": "2025-10-19T14:40:00.000Z", "values": {"temperature": 21.75, "humidity": 63}},
                    ],
                }
            },
            body_limit="bulk_body_bytes_max",
            for_devices=True,
            branch=f"data/{kind}",
        ),
        Operation(
            name=f"get{name}Readings",
            tag=TAG,
            summary=f"Read {kind} readings of a device",
            description=(
                "The readings of a span of local days of the device's project, both included, at most 180, in the "
                "order of their instants; of a revoked device too."
            ),
            http=Http("GET", f"{PATH}/{kind}", {200: "One page."}),
            handler=read,
            answer=reading_wire.ReadingPageEnvelope,
            roles=ANYONE,
            scope=Scope.read_iot,
            repeat=Repeat.reads,
            errors=(Code.device_not_found,),
            parameters=(
                Parameter("deviceId", "query", True, "bitRTU-01"),
                START_DAY_QUERY,
                END_DAY_QUERY,
                Parameter(
                    "after",
                    "query",
                    False,
                    "2025-10-19T14:40:00.000Z",
                    "`next` of the page before.",
                    {"type": "string", "format": "date-time"},
                ),
                Parameter(
                    "limit",
                    "query",
                    False,
                    100,
                    "Page size.",
                    {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 100},
                ),
            ),
        ),
    )


OPERATIONS = (
    Operation(
        name="mqttOverWebSocket",
        tag=TAG,
        summary="Start an MQTT connection inside a WebSocket",
        description=(
            "With an upgrade to a WebSocket of the subprotocol `mqtt` both sides speak MQTT from then on. Without one "
            "the answer tells where to connect, and the topics of the device."
        ),
        http=Http("GET", MQTT_PATH, {101: "Upgraded to WebSocket.", 200: "Tells where and on what topic to connect."}),
        handler=tell_address,
        answer=wire.MqttAddress,
        roles=ANYONE,
        scope=Scope.write_iot,
        repeat=Repeat.reads,
        errors=(Code.device_not_found, Code.device_mismatch),
        parameters=(Parameter("deviceId", "query", True, "bitRTU-01", "The device whose topics are wanted."),),
        for_devices=True,
        names_host=True,
    ),
    Operation(
        name="createDevice",
        tag=TAG,
        summary="Add a device",
        description=(
            "Adds a device to a project. Its id stands in topics; the id of a device that was revoked is given to no "
            "other."
        ),
        http=Http("POST", DEVICES, {200: "The same device was there.", 201: "Added."}),
        handler=create_device,
        request=Body(wire.DeviceInput),
        answer=wire.DeviceEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.project_not_found, Code.id_taken),
        request_examples={
            "station": {"deviceId": "bitRTU-01", "projectId": "proj_123", "name": "Weather station at the pond"}
        },
    ),
    Operation(
        name="listDevices",
        tag=TAG,
        summary="List the company's devices",
        description="Every device, revoked ones too, in the order of their ids.",
        http=Http("GET", DEVICES, {200: "One page."}),
        handler=list_devices,
        answer=wire.DevicePageEnvelope,
        roles=ADMINS,
        repeat=Repeat.reads,
        errors=(),
        parameters=(*PAGING,),
    ),
    Operation(
        name="revokeDevice",
        tag=TAG,
        summary="Revoke a device",
        description=(
            "The device's tokens are refused for ever, within seconds on every server, and its connections end. What "
            "it sent stays."
        ),
        http=Http("POST", DEVICES + "/{deviceId}/revoke", {200: "Revoked."}, body_required=False),
        handler=revoke_device,
        request=Body(wire.DeviceRevocation),
        answer=wire.DeviceEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.device_not_found,),
        parameters=(Parameter("deviceId", "path", True, "bitRTU-01"),),
    ),
    Operation(
        name="issueIotToken",
        tag=TAG,
        summary="Issue a token for a device",
        description=(
            "A short-lived token for one device, good for records and readings alone. It acts for the user who asks; "
            "a company key names the user, or gets a token that may only send readings. It ends with its time, with "
            "the device, or with the user's right to call."
        ),
        http=Http("POST", f"{PATH}/tokens", {201: "Issued."}),
        handler=issue_token,
        request=Body(wire.IotTokenInput),
        answer=wire.IotTokenEnvelope,
        roles=WRITERS,
        scope=Scope.write_iot,
        repeat=Repeat.anew,
        errors=(Code.device_not_found, Code.user_not_found),
        request_examples={"hour": {"deviceId": "bitRTU-01", "auth0Id": "user_123456789", "lifetimeSeconds": 3600}},
        names_user=True,
        names_host=True,
    ),
    *_rows_of_readings("weather"),
    *_rows_of_readings("plant"),
    *_rows_of_readings("irrigation"),
    *letter_operations.OPERATIONS,
)

JOBS = (
    Job(
        name="delete-mqtt-sessions",
        summary="Deletes MQTT sessions whose time is over.",
        interval="mqtt_seen_interval_s",
        run=keeping.delete_over,
    ),
)
