"""The AsyncAPI 3 document of a table of operations: the topics by which messages reach its rows.

It is written from the server's side, as AsyncAPI wants it: what a device sends is received here, and answered. Branch
on reason codes, or on `code` of the answer; both are of the catalogue of errors.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from hydrobit.errors import CATALOGUE, Code
from hydrobit.operation import BY_MESSAGE, READS, Device, Operation, Parameter
from hydrobit.publish import schemas
from hydrobit.publish.openapi import API_VERSION, TAGS
from hydrobit.publish.refusals import codes
from hydrobit.settings import Settings
from hydrobit.wire.envelope import Error
from hydrobit.wire.mqtt import Told

Json = dict[str, Any]

BRANCH = Device("{deviceId}", "{projectId}").branch("{companyId}")
REPLIES = "replies/{clientId}"
BINDING = "0.2.0"
JSON = "application/json"

DESCRIPTION = """\
Messages of devices in the field, MQTT 3.1.1 and 5, in a WebSocket (subprotocol `mqtt`) or on TCP. This document is
derived from the table of operations that the server runs; `/openapi.json` tells the same rows under HTTP.

**Topics.** The path under HTTP without `/api/`; a leading `/` or `api/` does no harm. A device has them below its own
branch `connect/{companyId}/{projectId}/{deviceId}/` as well, and readings there under `data/`. Company and user are the
token's, never the topic's. Where a path takes several methods, the user property `method` chooses.

**Acknowledgement.** QoS 1 and 2 are acknowledged after the commit, in the order of arrival. With QoS 0 nobody knows.
The answer goes before the acknowledgement. A message that was not acknowledged is sent again: that changes nothing
twice.

**Answers.** MQTT 5: with a response topic at or below `replies/{clientId}`, to which the client has subscribed, the
JSON of the HTTP answer goes there, with the correlation data and the user property `status`. MQTT 3.1.1: every answer
goes to `replies/{clientId}`, with its status and the id of its message.

**Refusals** are final. MQTT 5 is told by the reason code of the acknowledgement; 3.1.1 knows none, so that the message
is kept as a dead letter. What may pass by itself is never acknowledged: the server disconnects with 0x89 or 0x8B, and
with 0x87 who may not call any more.
"""

_SCHEMES: Json = {
    "iotToken": {
        "type": "userPassword",
        "description": "A device's token as the password of CONNECT; the user name is not read.",
    },
    "userToken": {
        "type": "userPassword",
        "description": "A user's token as the password of CONNECT; the user name is not read.",
    },
    "iotTokenHeader": {
        "type": "httpApiKey",
        "in": "header",
        "name": "x-iot-token",
        "description": "Either token, in the request that opens the WebSocket; where CONNECT has no password.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Either token, in the request that opens the WebSocket; where neither of the others is there.",
    },
}

_PLACES = {
    "companyId": "The token's company.",
    "projectId": "The device's project.",
    "deviceId": "The token's device, or the one that a user names in `/mqtt?deviceId=`.",
    "clientId": "The client id of CONNECT.",
}

_OF_HTTP = {Code.slow_request, Code.unsupported_content_type, Code.headers_too_large, Code.too_many_connections}
"""Codes of calls that no message meets."""

_RESPONSE_TOPIC = {"type": "string", "description": f"`{REPLIES}`, or below; also in the device's branch."}
_CORRELATION = {"type": "string", "description": "Comes back with the answer as it was sent."}


def document(operations: Sequence[Operation], settings: Settings, version: str) -> Json:
    """The document as plain JSON values; the same table and settings give the same document.

    `version` is the release of this software.
    """
    rows = [row for row in operations if row.topic is not None]
    places = [*_places(rows)]
    written = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Hydrobit API over MQTT",
            "version": API_VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": [{"name": tag, "description": TAGS[tag]} for tag in dict.fromkeys(row.tag for row in rows)],
            "x-release": version,
            "x-reason-codes": {code: _reason(code) for code in CATALOGUE if code not in _OF_HTTP},
        },
        "defaultContentType": JSON,
        "servers": _servers(settings),
        "channels": _channels(places) | _channels_of_answers(rows),
        "operations": {name: _operation(name, topic, row) for name, topic, row in places} | _told(),
        "components": {
            "securitySchemes": _SCHEMES,
            "schemas": schemas.components(
                [row.request.shape for row in rows if row.request is not None], [Error, Told, *_shapes(rows)]
            ),
        },
    }
    plain: Json = json.loads(json.dumps(written))  # values of its own, so that YAML needs no anchors
    return plain


def _places(rows: Iterable[Operation]) -> Iterable[tuple[str, str, Operation]]:
    """The operations of the document, each with its topic and row. What devices may call stands in their branch too."""
    for row in rows:
        assert row.topic is not None, "rows without a topic are left out"
        yield row.name, row.topic, row
        if row.for_devices:
            yield f"{row.name}OfDevice", branch_of(row), row


def branch_of(row: Operation) -> str:
    """The topic of the row in a device's own branch."""
    return f"{BRANCH}/{row.branch or row.topic}"


def needs_method(row: Operation, operations: Iterable[Operation]) -> bool:
    """Whether a message on the row's topic has to name the method, since it means another row otherwise."""
    return row.http.method != _first({other.http.method for other in operations if other.topic == row.topic})


def _shapes(rows: Iterable[Operation]) -> list[type]:
    return list(dict.fromkeys(row.answer for row in rows if row.answer is not None))


# Servers.


def _servers(settings: Settings) -> Json:
    limits: Json = {
        "bindings": {
            "mqtt": {
                "keepAlive": settings.mqtt_keep_alive_s_max,
                "sessionExpiryInterval": settings.mqtt_session_s_max,
                "maximumPacketSize": settings.mqtt_packet_bytes_max,
                "bindingVersion": BINDING,
            }
        },
        "x-receive-maximum": settings.mqtt_receive_max,
        "x-subscriptions-maximum": settings.mqtt_subscriptions_max,
    }
    reached = urlsplit(settings.public_url)
    is_tls, port = bool(settings.mqtt_tls_certificate), settings.mqtt_listen.rpartition(":")[2] or "1883"
    return {
        "webSocket": {
            "host": reached.netloc or "hydrobit.example",
            "pathname": f"{reached.path.rstrip('/')}/mqtt",
            "protocol": "ws" if reached.scheme == "http" else "wss",
            "description": (
                "In a WebSocket of the subprotocol `mqtt`, on the port of HTTP; the path of any operation will do too."
            ),
            "security": _security(_SCHEMES),
            **limits,
        },
        "tcp": {
            "host": f"{reached.hostname or 'hydrobit.example'}:{port}",
            "protocol": "mqtts" if is_tls else "mqtt",
            "description": "On plain TCP or TLS, where the operator has set `HYDROBIT_MQTT_LISTEN`.",
            "security": _security(("iotToken", "userToken")),
            **limits,
        },
    }


def _security(names: Iterable[str]) -> list[Json]:
    return [{"$ref": f"#/components/securitySchemes/{name}"} for name in names]


# Channels and their messages.


def _channels(places: Sequence[tuple[str, str, Operation]]) -> Json:
    found: Json = {}
    for name, topic, row in places:
        methods = {other.http.method for _, same, other in places if same == topic}
        channel = found.setdefault(_id(topic), _channel(topic, row.parameters))
        channel["messages"][name] = _message(name, row, needs_method=_first(methods) != row.http.method)
    return found


def _channels_of_answers(rows: Sequence[Operation]) -> Json:
    told = {"told": _answer(Told, "The answer to a message of MQTT 3.1.1", {})}
    return {
        "answers": {
            "address": None,
            "title": "Answers of MQTT 5",
            "description": f"The response topic of the message: `{REPLIES}` or below, also in the device's branch.",
            "messages": {
                "refusal": _answer(Error, "Why the message was refused", _HEADERS),
                "nothing": {"name": "nothing", "payload": {"type": "null"}, "headers": _HEADERS},
                **{
                    schemas.title_of(shape): _answer(shape, "What HTTP would answer", _HEADERS)
                    for shape in _shapes(rows)
                },
            },
        },
        "replies": _channel(REPLIES, (), told),
        "repliesOfDevice": _channel(f"{BRANCH}/{REPLIES}", (), told),
    }


def _channel(topic: str, parameters: Sequence[Parameter], messages: Json | None = None) -> Json:
    channel: Json = {"address": topic, "messages": dict(messages or {})}
    described: Json = {name: {"description": said} for name, said in _PLACES.items() if f"{{{name}}}" in topic}
    for one in parameters:
        if one.place == "path" and f"{{{one.name}}}" in topic:
            said = {"description": one.description} if one.description else {}
            described[one.name] = {**said, "examples": [str(one.example)]}
    return channel | ({"parameters": described} if described else {})


def _message(name: str, row: Operation, *, needs_method: bool) -> Json:
    message: Json = {
        "name": name,
        "title": row.summary,
        "contentType": JSON,
        "payload": _payload(row),
        "bindings": {
            "mqtt": {"responseTopic": _RESPONSE_TOPIC, "correlationData": _CORRELATION, "bindingVersion": BINDING}
        },
    }
    if needs_method:
        method = {"type": "string", "const": row.http.method, "description": "User property: which method is meant."}
        message["headers"] = {"type": "object", "required": ["method"], "properties": {"method": method}}
    if examples := _examples(row):
        message["examples"] = [{"name": kind, "payload": payload} for kind, payload in examples.items()]
    return message


def _payload(row: Operation) -> Json:
    """What stands in a message to the row: the body, or the parameters of a read as an object."""
    if row.http.method not in READS:
        return schemas.reference(row.request.shape) if row.request is not None else {"type": "object"}
    asked = [one for one in row.parameters if one.place == "query"]
    payload: Json = {"type": "object", "properties": {one.name: _asked(one) for one in asked}}
    required = [one.name for one in asked if one.required]
    return payload | ({"required": required} if required else {})


def _asked(parameter: Parameter) -> Json:
    described = {"description": parameter.description} if parameter.description else {}
    return {**parameter.schema, **described, "examples": [parameter.example]}


def _examples(row: Operation) -> Mapping[str, Any]:
    if row.http.method not in READS:
        return row.request_examples
    asked = {one.name: one.example for one in row.parameters if one.place == "query" and one.required}
    return {"parameters": asked} if asked else {}


def _answer(shape: type, title: str, headers: Json) -> Json:
    said = {"headers": headers} if headers else {}
    return {"name": schemas.title_of(shape), "title": title, "payload": schemas.reference(shape), **said}


_HEADERS: Json = {
    "type": "object",
    "description": "User properties.",
    "required": ["status"],
    "properties": {
        "status": {"type": "string", "description": "The HTTP status.", "examples": ["201"]},
        "dead-letter": {"type": "string", "description": "The letter under which an operator finds the message."},
    },
}


# Operations.


def _operation(name: str, topic: str, row: Operation) -> Json:
    channel = f"#/channels/{_id(topic)}"
    answer = schemas.title_of(row.answer) if row.answer is not None else "nothing"
    return {
        "action": "receive",
        "channel": {"$ref": channel},
        "title": row.summary,
        "description": f"{row.description}\n\n{_who(row)}\n\n**Repeating.** {row.repeat}",
        "security": _security(("iotToken", "userToken") if row.for_devices else ("userToken",)),
        "tags": [{"name": row.tag}],
        "messages": [{"$ref": f"{channel}/messages/{name}"}],
        "bindings": {"mqtt": {"qos": 1, "retain": False, "bindingVersion": BINDING}},
        "reply": {
            "address": {
                "location": "$message.header#/responseTopic",
                "description": "The property Response Topic of MQTT 5; without one nothing is sent.",
            },
            "channel": {"$ref": "#/channels/answers"},
            "messages": [{"$ref": f"#/channels/answers/messages/{one}"} for one in (answer, "refusal")],
        },
        "x-reasons": reasons(row),
    }


def _told() -> Json:
    """What the server sends by itself to clients that know no response topics."""
    return {
        f"tell{place[0].upper()}{place[1:]}": {
            "action": "send",
            "channel": {"$ref": f"#/channels/{place}"},
            "title": "Answer a message of MQTT 3.1.1",
            "description": "To each client that has subscribed, QoS 0, before the acknowledgement.",
            "messages": [{"$ref": f"#/channels/{place}/messages/told"}],
            "bindings": {"mqtt": {"qos": 0, "retain": False, "bindingVersion": BINDING}},
        }
        for place in ("replies", "repliesOfDevice")
    }


def _who(row: Operation) -> str:
    return f"**Roles.** {', '.join(sorted(row.roles))}." + (" **Devices** may call it." if row.for_devices else "")


def reasons(row: Operation) -> dict[str, list[str]]:
    """The codes that a message to the row can be answered with, by the reason code that tells them."""
    found: dict[str, list[str]] = {}
    for code in codes(row):
        if code not in _OF_HTTP:
            found.setdefault(f"0x{CATALOGUE[code].mqtt_reason:02X}", []).append(code)
    return found


def _reason(code: Code) -> Json:
    meaning = CATALOGUE[code]
    return {
        "status": meaning.status,
        "reason": f"0x{meaning.mqtt_reason:02X}",
        "message": meaning.message,
        "remedy": meaning.remedy,
    }


def _first(methods: Iterable[str]) -> str:
    """The method that a message means which names none."""
    return min(methods, key=BY_MESSAGE.index)


def _id(topic: str) -> str:
    """The name of a topic's channel in the document."""
    return topic.translate({ord("/"): ".", ord("{"): None, ord("}"): None})
