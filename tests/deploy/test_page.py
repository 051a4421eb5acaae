"""The page that goes through deploy/: its commands name what is there."""

import re

import pytest

from tests.deploy.files import DEPLOY, ROOT, document
from tests.docs.pages import HOW_TO, all_blocks

PAGE = (HOW_TO / "deploy.md").read_text()
COMMANDS = [line for block in all_blocks(HOW_TO / "deploy.md") for line in block.text.splitlines()]
MADE = {"deploy/compose/.env"}
"""What a command of the page makes."""


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\bdeploy/[\w./-]*\w", PAGE)) - MADE))
def test_a_path_that_the_page_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_every_folder_of_deploy_is_told() -> None:
    for folder in (path for path in DEPLOY.iterdir() if path.is_dir()):
        assert f"deploy/{folder.name}" in PAGE


def test_compose_commands_name_services_and_volumes_that_are_there() -> None:
    compose = document("compose/compose.yaml")
    said = [line.partition("compose.yaml ")[2].split() for line in COMMANDS if line.startswith("docker compose ")]
    assert {words[0] for words in said} == {"up", "exec", "build", "cp"}
    for command, *words in said:
        named = [word.partition(":")[0] for word in words if not word.startswith("-")]
        if command == "exec":
            assert named[0] in compose["services"]
        elif command == "cp":
            assert named[0] in compose["services"]
            assert words[0].partition(":")[2] in {place for _, place in volumes(compose, named[0])}
        else:
            assert set(named) <= set(compose["services"])


def volumes(compose: dict[str, dict[str, dict[str, list[str]]]], service: str) -> list[list[str]]:
    return [volume.split(":")[:2] for volume in compose["services"][service]["volumes"]]


def test_kubectl_makes_the_secrets_that_the_manifests_name() -> None:
    pod = document("kubernetes/deployment.yaml")["spec"]["template"]["spec"]
    named = {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
    named |= {source["secretRef"]["name"] for source in pod["containers"][0]["envFrom"] if "secretRef" in source}
    assert set(re.findall(r"create secret generic (\S+)", "\n".join(COMMANDS))) == named
    assert "deployment/" + document("kubernetes/deployment.yaml")["metadata"]["name"] in PAGE
