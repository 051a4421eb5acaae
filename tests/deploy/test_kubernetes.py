"""The manifests: they fit Kubernetes' schemas, and say of the server what is true of it."""

import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest

from hydrobit import settings
from hydrobit.catalog import OPERATIONS
from hydrobit.identity.signing import SigningKey
from hydrobit.publish.site.addresses import DOCS
from hydrobit.settings import PREFIX, Settings
from hydrobit.storage.objects import PATH as OBJECTS_PATH
from hydrobit.storage.objects import load_or_create_key
from tests.deploy.files import DEPLOY, Document, document
from tests.docs.pages import blocks
from tests.tools import needs

OLDEST, NEWEST = "1.33", "1.37"
BASE = document("kubernetes/kustomization.yaml")
MANIFESTS = {name: document(f"kubernetes/{name}") for name in BASE["resources"]}
POD: Document = MANIFESTS["deployment.yaml"]["spec"]["template"]["spec"]
(NODE,) = POD["containers"]
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
FOR_THE_OPERATOR_ALONE = ("/metrics", "/healthz", "/readyz")


def test_every_manifest_is_applied() -> None:
    there = {file.name for file in (DEPLOY / "kubernetes").iterdir()} - {"kustomization.yaml"}
    assert set(MANIFESTS) == there


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_fits_the_schema(name: str, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_of_no_namespace_and_holds_no_secret(name: str) -> None:
    assert MANIFESTS[name]["kind"] != "Secret"
    assert "namespace" not in MANIFESTS[name]["metadata"]


def test_a_node_has_no_rights_and_writes_into_one_volume() -> None:
    assert POD["automountServiceAccountToken"] is False
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert NODE["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    writable = [mount["mountPath"] for mount in NODE["volumeMounts"] if not mount.get("readOnly")]
    assert writable == ["/data"]
    user = re.findall(r"^USER (\d+):(\d+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert user == [(str(POD["securityContext"]["runAsUser"]), str(POD["securityContext"]["fsGroup"]))]


def test_the_settings_of_a_node_serve() -> None:
    said = MANIFESTS["config.yaml"]["data"]
    chosen = settings.load({name: text for name, text in said.items() if name.startswith(PREFIX)})
    mounts = {mount["name"]: mount["mountPath"] for mount in NODE["volumeMounts"]}
    assert str(chosen.keys) == mounts["keys"]
    assert chosen.public_url == f"https://{MANIFESTS['ingress.yaml']['spec']['rules'][0]['host']}"
    assert POD["enableServiceLinks"] is False, "the service's name makes a variable HYDROBIT_PORT, which is no port"


def test_a_stop_leaves_more_time_than_the_server_takes() -> None:
    pause = NODE["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert POD["terminationGracePeriodSeconds"] > pause + Settings().stop_s_max + 5


def test_a_node_is_asked_whether_it_is_ready_and_whether_it_lives() -> None:
    assert NODE["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert {NODE[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe")} == {"/healthz"}
    assert NODE["readinessProbe"]["timeoutSeconds"] > Settings().database_away_s_max


def test_the_names_of_ports_and_labels_meet() -> None:
    (port,) = NODE["ports"]
    assert {NODE[probe]["httpGet"]["port"] for probe in PROBES} == {port["name"]}
    assert port["containerPort"] == int(re.findall(r"^EXPOSE (\d+)$", (DEPLOY / "Dockerfile").read_text(), re.M)[0])
    (service_port,) = MANIFESTS["service.yaml"]["spec"]["ports"]
    assert service_port["targetPort"] == port["name"]
    labels = MANIFESTS["deployment.yaml"]["spec"]["template"]["metadata"]["labels"]
    assert MANIFESTS["service.yaml"]["spec"]["selector"] == labels
    for name in ("deployment.yaml", "disruption-budget.yaml"):
        assert MANIFESTS[name]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["network-policy.yaml"]["spec"]["podSelector"]["matchLabels"] == labels
    for path in PATHS:
        assert path["backend"]["service"] == {
            "name": MANIFESTS["service.yaml"]["metadata"]["name"],
            "port": {"name": service_port["name"]},
        }


PATHS: list[Document] = MANIFESTS["ingress.yaml"]["spec"]["rules"][0]["http"]["paths"]


def leads_in(path: str) -> bool:
    return any(
        path == way["path"] or (way["pathType"] == "Prefix" and path.startswith(way["path"] + "/")) for way in PATHS
    )


def test_the_ingress_leads_to_every_operation_and_to_no_page_of_the_operator() -> None:
    documents = [f"/{name}.{form}" for name in ("openapi", "asyncapi") for form in ("json", "yaml")]
    site = ["/", DOCS, f"{DOCS}/errors", "/llms.txt"]
    pages = ["/.well-known/jwks.json", *documents, *site, f"{OBJECTS_PATH}/1/0"]
    for path in [*(operation.http.path for operation in OPERATIONS), *pages]:
        assert leads_in(path), path
    assert not any(leads_in(path) for path in FOR_THE_OPERATOR_ALONE)


def test_the_ingress_lets_the_largest_body_through() -> None:
    most = MANIFESTS["ingress.yaml"]["metadata"]["annotations"]["nginx.org/client-max-body-size"]
    assert most.endswith("m")
    assert int(most[:-1]) * 1024 * 1024 > Settings().form_body_bytes_max


@needs("openssl")
def test_the_keys_that_the_page_makes_are_taken(tmp_path: Path) -> None:
    (making,) = (block.text for block in blocks("deploy.md"))
    subprocess.run(["bash", "-euo", "pipefail", "-c", making], cwd=tmp_path, check=True, capture_output=True)
    made = (tmp_path / "signing.pem").read_bytes()
    assert SigningKey.load_or_create(tmp_path / "signing.pem").kid
    assert load_or_create_key(tmp_path / "links.key") == (tmp_path / "links.key").read_bytes()
    assert (tmp_path / "signing.pem").read_bytes() == made
