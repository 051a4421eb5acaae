"""Shapes of devices and their tokens."""

from typing import Annotated, Literal

from msgspec import UNSET, Raw, Struct, UnsetType, field

from hydrobit.wire.fields import NAME, USER_ID, Auth0Id, Ignored, Instant, Success, nothing, number, said

DEVICE_ID_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"

DeviceId = Annotated[str, said(example="bitRTU-01")]
Topic = Annotated[
    str, said("Topic filter to publish to or subscribe on.", example="connect/comp_123/proj_123/bitRTU-01/#")
]
Url = Annotated[str, said(example="wss://iot.hydrobit.ag/mqtt")]


class DeviceInput(Struct):
    """A new device of a project."""

    deviceId: Annotated[
        str,
        said(
            "Unique within the company; it stands in topics.",
            example="bitRTU-01",
            minLength=1,
            maxLength=64,
            pattern=DEVICE_ID_PATTERN,
        ),
    ]
    projectId: Annotated[str, said(example="proj_123", **NAME)]
    name: Annotated[str, said("For people.", example="Weather station at the pond", **NAME)]
    auth0Id: Auth0Id | None = None


class DeviceRevocation(Struct):
    """Nothing has to be said; the whole body may be left out."""

    auth0Id: Auth0Id | None = None


class Device(Struct, kw_only=True):
    """A device of the company's register."""

    deviceId: DeviceId
    projectId: Annotated[str, said(example="proj_123")]
    name: Annotated[str, said(example="Weather station at the pond")]
    status: Literal["active", "revoked"]
    topic: Topic
    createdAt: Instant
    revokedAt: Instant | UnsetType = UNSET


class DeviceEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: Device
    ignored: Ignored | UnsetType = UNSET


class DevicePage(Struct, kw_only=True):
    """A page of the company's devices, revoked ones too, in the order of their ids."""

    total: int
    page: int
    pageSize: int
    items: list[Device]


class DevicePageEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: DevicePage


class IotTokenInput(Struct):
    """For which device a token is, and for whom it acts."""

    deviceId: Annotated[str, said(example="bitRTU-01", **NAME)]
    auth0Id: (
        Annotated[
            str,
            said(
                "The user for whom the device acts. By a user's token: the token's own, also when left out. By a "
                "company key: an active user of the company; left out, the token may only send readings.",
                example="user_123456789",
                **USER_ID,
            ),
        ]
        | None
    ) = None
    lifetimeSeconds: Annotated[
        Raw, number("An hour when left out, at most a day as the server is shipped.", type="integer", minimum=1)
    ] = field(default_factory=nothing)


class IotToken(Struct, kw_only=True):
    """A token, and where to connect with it."""

    token: Annotated[str, said("Sent as `x-iot-token`, or as the password of MQTT.")]
    expiresAtUtc: Instant
    deviceId: DeviceId
    projectId: Annotated[str, said(example="proj_123")]
    auth0Id: Annotated[str, said("The user for whom it acts; not where it may only send readings.")] | UnsetType = UNSET
    topic: Topic
    url: Url


class IotTokenEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: IotToken
    ignored: Ignored | UnsetType = UNSET


class MqttAddress(Struct, kw_only=True):
    """Where and on what topic to connect."""

    url: Url
    deviceId: DeviceId
    topic: Topic
    protocol: Annotated[str, said(example="MQTT v3.1.1 over WebSocket")] = "MQTT v3.1.1 over WebSocket"
