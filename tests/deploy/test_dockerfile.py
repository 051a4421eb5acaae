"""The image: what can be said of it without a daemon that builds it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from hydrobit import settings
from scripts.bootstrap import UV_VERSION
from tests.deploy.files import DEPLOY, ROOT

DOCKERFILE = DEPLOY / "Dockerfile"
TEXT = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", "")
LAST_STAGE = TEXT[TEXT.rindex("\nFROM ") :]


def said(word: str, stage: str = LAST_STAGE) -> list[str]:
    """What stands behind an instruction, in order."""
    return re.findall(rf"^{word} +(.+)$", stage, re.MULTILINE)


def variables() -> dict[str, str]:
    return dict(pair.split("=", 1) for line in said("ENV") for pair in line.split())


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_runs_as_a_user_without_rights_and_writes_into_its_volume_alone() -> None:
    assert said("USER") == ["10001:10001"]
    assert said("VOLUME") == ['["/data"]']
    assert said("WORKDIR") == ["/data"]
    assert "--owner 10001 --group 10001 --mode 0700 /data /keys" in said("RUN")[0]
    assert variables()["PYTHONDONTWRITEBYTECODE"] == "1"
    assert "compileall" in said("RUN")[0]
    assert "UV_COMPILE_BYTECODE=1" in TEXT


def test_its_variables_are_settings_that_serve() -> None:
    chosen = settings.load({name: value for name, value in variables().items() if name.startswith(settings.PREFIX)})
    assert (str(chosen.data), chosen.host, [str(chosen.port)]) == ("/data", "0.0.0.0", said("EXPOSE"))


def test_a_stop_reaches_the_server_itself() -> None:
    assert (said("STOPSIGNAL"), said("ENTRYPOINT"), said("CMD")) == (["SIGTERM"], ['["hydrobit"]'], ['["serve"]'])


def test_what_is_installed_is_what_the_lock_says_without_tools_of_developers() -> None:
    installing = [line for line in said("RUN", TEXT) if "uv sync" in line]
    assert installing
    for line in installing:
        assert "--frozen --no-dev --extra server --extra postgres" in line
    assert f"uv=={UV_VERSION}" in TEXT
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    of_clients = {"mqtt"}  # which the server has of its own
    assert {"server", "postgres"} == set(project["optional-dependencies"]) - of_clients


def test_the_python_of_the_image_is_the_one_that_everything_is_written_for() -> None:
    (python,) = re.findall(r"^ARG PYTHON=([\d.]+)-slim-\w+$", TEXT, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == f">={python}"
    assert project["tool"]["mypy"]["python_version"] == python


def test_everything_that_is_copied_is_let_into_the_context() -> None:
    let_in = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = {word for line in said("COPY", TEXT) if "--from" not in line for word in line.split()[:-1]}
    assert copied == let_in
    assert all((ROOT / name).exists() for name in let_in)
    linked = {file.resolve() for file in (ROOT / "src").rglob("*") if file.is_symlink()}
    assert all(any(place.is_relative_to(ROOT / name) for name in let_in) for place in linked)
