"""Devices from the command line, beside a running server."""

import json
from pathlib import Path

from hydrobit.demo import company as demo
from hydrobit.devices import letters
from hydrobit.operation import Letter
from tests import engines
from tests.callers import Caller, Json, refusal
from tests.commands import hydrobit, printed
from tests.servers import RunningServer, running

AT = ("--company", demo.COMPANY)


def rows(*words: str | Path) -> list[Json]:
    """What a command lists."""
    return [json.loads(line) for line in printed(*words, "--json").splitlines()]


def calling(server: RunningServer, token: str) -> Caller:
    caller = Caller(server)
    del caller.headers["authorization"]
    caller.headers["x-iot-token"] = token
    return caller


def test_a_device_is_added_gets_tokens_and_is_revoked(tmp_path: Path) -> None:
    data = ("--data", tmp_path / "data")
    with running(tmp_path / "data") as server, Caller(server) as admin:
        printed("device", "add", "scale-1", "Scale at the gate", "--project", demo.PROJECT, *AT, *data)
        (listed,) = rows("device", "list", *AT, *data)
        assert (listed["deviceId"], listed["projectId"], listed["revokedAt"]) == ("scale-1", demo.PROJECT, None)
        acting = printed("device", "token", "scale-1", "--user", demo.ADMIN, *AT, *data).strip()
        sending = printed("device", "token", "scale-1", "--expires", "15m", *AT, *data).strip()
        session_id = admin.opened()
        reading = {"recordedAtUtc": "2025-10-19T14:30:00Z", "values": {"kg": 5.25}}
        with calling(server, acting) as device:
            device.counted(session_id, "evt_1")
        with calling(server, sending) as device:
            refusal(device.count(session_id, "evt_2"), 403, "role_forbidden")
            answer = device.post("/api/control/iot/plant", json={"readings": [reading]})
            assert answer.json()["summary"]["ok"] == 1
        printed("device", "revoke", "scale-1", *AT, *data)
        with calling(server, acting) as device:  # the count's own transaction finds out
            refusal(device.count(session_id, "evt_3"), 401, "token_invalid")
        told = hydrobit("device", "token", "scale-1", *AT, *data)
        assert (told.returncode, "no device scale-1 in use" in told.stderr) == (1, True)
        assert {line["actor"] for line in rows("audit", "list", *AT, *data) if "device" in line["action"]} == {
            "operator"
        }


def test_refused_messages_are_listed_and_shown_as_they_came(tmp_path: Path) -> None:
    data, payload = ("--data", tmp_path / "data"), b'{"units": 5}'
    with running(tmp_path / "data"):
        pass
    letter = Letter(1, demo.ADMIN, "scale-1", "phone-1", "control/production/records", payload)
    with engines.opened(tmp_path / "data") as store:
        kept = store.write(letters.keep, letter, "invalid_json", "Send UTF-8 JSON.", "r-1", 0, 10)
    (listed,) = rows("device", "letters", "list", "--status", "waiting", *AT, *data)
    assert (listed["letterId"], listed["payloadBytes"], listed["code"]) == (kept, len(payload), "invalid_json")
    assert rows("device", "letters", "list", "--status", "replayed", *AT, *data) == []
    shown = hydrobit("device", "letters", "show", kept, *AT, *data)
    assert shown.stdout == payload.decode()
    assert "Send UTF-8 JSON." in shown.stderr
    assert "There is no dead letter letter_9" in hydrobit("device", "letters", "show", "letter_9", *AT, *data).stderr
