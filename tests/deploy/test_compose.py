"""The compose file: it fits the specification, its nodes' settings serve, its services have no more than they need."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hydrobit import settings
from hydrobit.settings import PREFIX, Settings
from tests.deploy.files import DEPLOY, Document, document, seconds, variables

COMPOSE = document("compose/compose.yaml")
SERVICES: dict[str, Document] = COMPOSE["services"]
NODES = ("node-1", "node-2")
OWN_USER = {"proxy": "Caddy needs the ports below 1024", "objects": "its volume belongs to root"}
"""Who runs as root, without any capability but the one that is named, and why."""


def named_volumes(service: Document) -> dict[str, str]:
    return dict(volume.split(":")[:2] for volume in service.get("volumes", ()))


def test_it_fits_the_specification() -> None:
    schema = files("check_jsonschema").joinpath("builtin_schemas", "vendor", "compose-spec.json").read_text()
    jsonschema.validate(COMPOSE, json.loads(schema))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} == set(limits)
    assert "restart" in service
    assert service["logging"]["options"]["max-size"]
    _, _, tag = service["image"].partition(":")
    assert tag if "build" not in service else not tag
    assert tag != "latest"
    if name not in OWN_USER and name not in NODES:
        assert service["user"] not in ("root", "0", "0:0")


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in (*NODES, "proxy")])
def test_a_store_says_whether_it_is_well(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert all(SERVICES[node]["depends_on"][name] == {"condition": "service_healthy"} for node in NODES)


def test_what_is_named_is_there() -> None:
    for service in SERVICES.values():
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
        for source in named_volumes(service):
            assert source in COMPOSE["volumes"] or (DEPLOY / "compose" / source).exists()


def test_the_proxy_alone_is_reached_from_outside_and_reaches_no_store() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert SERVICES["proxy"]["networks"] == ["edge"]
    assert COMPOSE["networks"]["stores"] == {"internal": True}
    for store in ("db", "objects"):
        assert SERVICES[store]["networks"] == ["stores"]


def test_the_nodes_share_one_folder_of_keys_and_keep_nothing_else() -> None:
    assert SERVICES[NODES[0]] == SERVICES[NODES[1]]
    node = SERVICES[NODES[0]]
    assert named_volumes(node) == {"keys": node["environment"]["HYDROBIT_KEYS"]}
    assert [place.partition(":")[0] for place in node["tmpfs"]] == ["/data"]
    assert f"uid={10001},gid={10001}" in node["tmpfs"][0]


def test_a_stop_leaves_more_time_than_the_server_takes() -> None:
    for name in NODES:
        assert seconds(SERVICES[name]["stop_grace_period"]) > Settings().stop_s_max


def test_postgresql_keeps_its_promises() -> None:
    said = " ".join(SERVICES["db"]["command"])
    for promise in ("fsync=on", "full_page_writes=on", "synchronous_commit=on"):
        assert promise in said
    (most,) = re.findall(r"max_connections=(\d+)", said)
    needed = len(NODES) * (Settings().writer_connections + Settings().reader_connections + 1)
    assert int(most) > needed


@dataclass(frozen=True)
class Secrets:
    folder: Path
    done: "subprocess.CompletedProcess[str]"

    def read(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text()


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    """What the program beside the compose file makes, in a folder like it."""
    folder = tmp_path_factory.mktemp("compose")
    program = folder / "make_secrets.py"
    program.write_text((DEPLOY / "compose" / program.name).read_text())
    return Secrets(folder, subprocess.run([sys.executable, program], capture_output=True, text=True, check=True))


def test_the_secrets_are_their_owners_and_are_never_made_anew(secrets: Secrets) -> None:
    assert (secrets.folder / "secrets").stat().st_mode & 0o777 == 0o700
    before = secrets.read("node.env")
    again = subprocess.run([sys.executable, secrets.folder / "make_secrets.py"], capture_output=True, check=False)
    assert again.returncode == 1
    assert secrets.read("node.env") == before
    for part in ("postgresql://", secrets.read("postgres_password")):
        assert part not in secrets.done.stdout


def test_every_file_of_secrets_that_is_named_is_made(secrets: Secrets) -> None:
    named = {place["file"] for place in COMPOSE["secrets"].values()}
    named |= {place for node in NODES for place in SERVICES[node]["env_file"]}
    assert named == {f"secrets/{file.name}" for file in (secrets.folder / "secrets").iterdir()}


def test_the_settings_of_a_node_serve(secrets: Secrets) -> None:
    node = SERVICES[NODES[0]]["environment"] | variables(secrets.read("node.env"))
    site = variables((DEPLOY / "compose" / "example.env").read_text())["SITE"]
    chosen = settings.load({name: text for name, text in node.items() if name.startswith(PREFIX)})
    password = secrets.read("postgres_password")
    assert chosen.database_url == f"postgresql://hydrobit:{password}@db/hydrobit"
    assert chosen.public_url.replace("${SITE:?name the host in .env}", site) == f"https://{site}"
    assert chosen.metrics_public
    identity = json.loads(secrets.read("objects.json"))["identities"][0]
    assert identity["credentials"] == [
        {"accessKey": node["AWS_ACCESS_KEY_ID"], "secretKey": node["AWS_SECRET_ACCESS_KEY"]}
    ]
    bucket = chosen.objects_url.removeprefix("s3://")
    assert f"-bucket={bucket}" in SERVICES["objects"]["command"]
    assert all(action.endswith(f":{bucket}") for action in identity["actions"])


def environment_of(service: Document) -> dict[str, Any]:
    found: dict[str, Any] = service.get("environment", {})
    return found


def test_no_secret_stands_in_the_compose_file() -> None:
    for service in SERVICES.values():
        for name in environment_of(service):
            assert not re.search(r"PASSWORD$|SECRET|DATABASE_URL|ACCESS_KEY", name)
