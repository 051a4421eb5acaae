"""The Mosquitto of docs/how-to/brokers.md: its files and commands as they stand there, with a server and devices."""

import subprocess
from pathlib import Path

from hydrobit.demo import company as demo
from tests.brokers import MOSQUITTO, mosquitto
from tests.callers import Caller
from tests.docs.pages import blocks
from tests.mqtt_devices import RECORDS, at_broker, registered
from tests.servers import event, running
from tests.sockets import Connection
from tests.tools import needs
from tests.watching import metrics, until

PAGE = "brokers.md"
USER, PASSWORD, DEVICE, DEVICE_PASSWORD = "hydrobit", "secret", "scale-1", "another-secret"


def part(kind: str, folder: Path) -> str:
    """The page's one block of a kind, with the folder in the place of those of the machine."""
    (found,) = [block.text for block in blocks(PAGE) if block.kind == kind]
    return found.replace("/etc/mosquitto/", f"{folder}/").replace("/var/lib/mosquitto/", f"{folder}/")


@needs(MOSQUITTO)
def test_the_pages_mosquitto_keeps_each_device_to_its_branch_and_its_replies(tmp_path: Path) -> None:
    listener, *own = part("conf", tmp_path).splitlines()
    assert listener == "listener 1883"
    (tmp_path / "rights").write_text(part("rights", tmp_path))
    subprocess.run(["bash", "-euo", "pipefail", "-c", part("sh", tmp_path)], check=True, timeout=60)
    with mosquitto(tmp_path, own=own) as broker:
        url = f"mqtt://{USER}:{PASSWORD}@127.0.0.1:{broker.port}"
        with running(tmp_path / "data", environment={"HYDROBIT_BROKER_URL": url}) as server, Caller(server) as admin:
            watcher = Connection(server.address, server.token())
            until(lambda: metrics(watcher)["hydrobit_broker_connected"] == 1, "the server at its broker")
            assert "delivers nothing" not in (tmp_path / "data.log").read_text(), "shared subscriptions are proved"
            session_id, token = admin.opened(), registered(admin, DEVICE)
            branch = f"connect/{demo.COMPANY}/{demo.PROJECT}"
            with at_broker(broker.port, DEVICE, token, user=(DEVICE, DEVICE_PASSWORD)) as device:
                device.subscribe("#")
                device.publish(event(session_id, "evt_elsewhere"), RECORDS)
                device.publish(event(session_id, "evt_others"), f"{branch}/scale-2/{RECORDS}")
                device.publish(event(session_id, "evt_own"), f"{branch}/{DEVICE}/{RECORDS}")
                told = device.heard()
                assert (told.topic, told.body["id"], told.body["status"]) == (f"replies/{DEVICE}", "evt_own", 201)
                # the same reply once more, for it fits two subscriptions; and no message with a token, of whomever
                assert {heard.topic for heard in device.heard_besides()} <= {f"replies/{DEVICE}"}
            assert admin.session(session_id)["totalUnits"] == 1
            watcher.close()
