"""The AsyncAPI document: valid by AsyncAPI's own schema, complete, and as true as the road that it describes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft7Validator

from hydrobit.catalog import OPERATIONS
from hydrobit.errors import CATALOGUE, Code, Refused
from hydrobit.operation import READS, Device, Operation
from hydrobit.publish.asyncapi import BRANCH, document
from hydrobit.settings import Settings
from hydrobit.transport.mqtt.topics import Topics
from tests import node
from tests.callers import Caller
from tests.servers import RunningServer, running

Json = dict[str, Any]

DOCUMENT = document(OPERATIONS, Settings(), "test")
ROWS = {row.name: row for row in OPERATIONS}
NAMES = {name: name.removesuffix("OfDevice") for name in DOCUMENT["operations"] if not name.startswith("tell")}
OWN = Device("bitRTU-01", "proj_123").branch("comp_12345")
TOPICS = Topics(OPERATIONS)


def at(reference: Json) -> Any:
    """What a reference of the document points to."""
    place: Any = DOCUMENT
    for name in reference["$ref"].removeprefix("#/").split("/"):
        place = place[name]
    return place


def message(name: str) -> Json:
    """The one message that an operation takes."""
    (reference,) = DOCUMENT["operations"][name]["messages"]
    found: Json = at(reference)
    return found


def row(name: str) -> Operation:
    return ROWS[NAMES[name]]


def references(part: Any) -> Iterator[Json]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_it_is_valid_by_the_schema_of_asyncapi() -> None:
    schema = json.loads((node.packages() / "@asyncapi" / "specs" / "schemas" / "3.0.0.json").read_text())
    assert [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(DOCUMENT)] == []
    broken = DOCUMENT | {"operations": {"x": {"action": "shout"}}}
    assert not Draft7Validator(schema).is_valid(broken), "the schema that it is held against holds something"


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        assert at(reference), reference


def test_every_row_that_a_message_can_reach_is_there() -> None:
    assert set(NAMES.values()) == {one.name for one in OPERATIONS if one.http.path.startswith("/api/")}
    in_branch = {NAMES[name] for name in NAMES if name.endswith("OfDevice")}
    assert in_branch == {one.name for one in OPERATIONS if one.for_devices and one.topic}


@pytest.mark.parametrize("name", NAMES)
def test_the_road_finds_the_row_at_the_topic_that_is_told(name: str) -> None:
    told = DOCUMENT["operations"][name]
    address = at(told["channel"])["address"]
    if address.startswith("connect/"):
        address = address.replace(BRANCH, OWN)
    topic = address.translate({ord("{"): None, ord("}"): None})
    headers = message(name).get("headers", {"properties": {}})
    method = headers["properties"].get("method", {}).get("const")
    assert TOPICS.find(topic, OWN, method).operation is row(name)


@pytest.mark.parametrize("name", [name for name in NAMES if "examples" in message(name)])
def test_an_example_is_read_by_its_row(name: str) -> None:
    one, told = row(name), message(name)
    for example in told["examples"]:
        if one.http.method in READS:
            assert set(example["payload"]) <= {parameter.name for parameter in one.parameters}
            continue
        assert one.request is not None
        _, ignored = one.request.decode(msgspec.json.encode(example["payload"]))
        assert ignored == ()
        schema = DOCUMENT | {"$ref": told["payload"]["$ref"]}
        assert [error.message for error in Draft7Validator(schema).iter_errors(example["payload"])] == []


def test_answers_refusals_and_reason_codes_are_told_with_each_row() -> None:
    for name in NAMES:
        told = DOCUMENT["operations"][name]
        answers = [at(one) for one in told["reply"]["messages"]]
        assert answers[1]["payload"] == {"$ref": "#/components/schemas/Error"}
        for reason, found in told["x-reasons"].items():
            assert {CATALOGUE[Code(code)].mqtt_reason for code in found} == {int(reason, 16)}
        assert set(row(name).errors) <= {code for found in told["x-reasons"].values() for code in found}
    told = DOCUMENT["channels"]["replies"]["messages"]["told"]
    assert at(told["payload"])["required"] == ["status", "id", "topic", "answer"]


def test_devices_may_send_what_their_tokens_open_and_users_the_rest() -> None:
    for name in NAMES:
        ways = {one["$ref"].rpartition("/")[2] for one in DOCUMENT["operations"][name]["security"]}
        assert ways == ({"iotToken", "userToken"} if row(name).for_devices else {"userToken"})


def test_the_servers_are_those_of_the_settings() -> None:
    settings = replace(
        Settings(),
        public_url="https://farm.example/base",
        mqtt_listen="0.0.0.0:8883",
        mqtt_tls_certificate="chain.pem",
        mqtt_packet_bytes_max=70_000,
    )
    servers = document(OPERATIONS, settings, "test")["servers"]
    web_socket, tcp = servers["webSocket"], servers["tcp"]
    assert (web_socket["protocol"], web_socket["host"], web_socket["pathname"]) == ("wss", "farm.example", "/base/mqtt")
    assert (tcp["protocol"], tcp["host"]) == ("mqtts", "farm.example:8883")
    assert web_socket["bindings"]["mqtt"]["maximumPacketSize"] == 70_000


def test_a_topic_that_is_not_told_leads_nowhere() -> None:
    with pytest.raises(Refused, match="nothing at the topic mqtt"):
        TOPICS.find("mqtt", OWN)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


def test_a_server_shows_it_in_both_forms(server: RunningServer) -> None:
    with Caller(server) as caller:
        found = caller.get("/asyncapi.json").json()
        assert found["operations"] == DOCUMENT["operations"]
        assert (
            yaml.load(caller.get("/asyncapi.yaml").content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            == found
        )
