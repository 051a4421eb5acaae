"""Who asks a node how it is, asks what it answers: the image, the proxy and Kubernetes."""

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.deploy.files import DEPLOY
from tests.servers import running


def test_whoever_asks_a_node_how_it_is_believes_a_ready_one_alone(tmp_path: Path) -> None:
    (check,) = re.findall(r"^ *CMD (\[\"python.+\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    python, *words = json.loads(check)
    assert python == "python"
    asked = re.findall(r"health_uri (\S+)", (DEPLOY / "compose" / "Caddyfile").read_text())
    asked += re.findall(r"httpGet: \{path: ([^,]+),", (DEPLOY / "kubernetes" / "deployment.yaml").read_text())
    assert set(asked) == {"/readyz", "/healthz"}
    with running(tmp_path / "data") as server:
        command = [sys.executable, *(word.replace("8080", server.address.rpartition(":")[2]) for word in words)]
        assert subprocess.run(command, check=False).returncode == 0
        with server.client() as client:
            assert {client.get(path).status_code for path in asked} == {200}
        server.stop()
        assert subprocess.run(command, capture_output=True, check=False).returncode == 1
