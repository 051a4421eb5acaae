"""The mock beside a real server: at the published path, over nothing that the server keeps."""

from pathlib import Path

import pytest

from hydrobit.publish.site.trying import MOCK
from tests import books
from tests.callers import RECORDS, SESSIONS, Caller, refusal
from tests.servers import RunningServer, event, running

SESSION = "6507f1e3c9d8e2a4b1f9c3d5"


def test_the_mock_writes_nothing_into_the_server_s_store(server: RunningServer, admin: Caller) -> None:
    session_id = admin.opened()
    admin.counted(session_id, "evt_1")
    before = books.lines(server.data, session_id)
    for _ in range(2):
        made = admin.post(f"{MOCK}{RECORDS}", json=event(SESSION, "evt_1"))
    assert (made.status_code, made.json()["data"]["idempotent"]) == (200, True)
    record = made.json()["data"]["payloadPreview"]["recordId"]
    assert admin.get(f"{MOCK}{RECORDS}/{record}").status_code == 200
    refusal(admin.get(f"{RECORDS}/{record}"), 404, "record_not_found")
    refusal(admin.get(f"{SESSIONS}/{SESSION}"), 404, "session_not_found")
    refusal(admin.get(f"{MOCK}{SESSIONS}/{session_id}"), 404, "session_not_found")
    assert books.lines(server.data, session_id) == before


def test_the_real_paths_take_no_word_of_the_mock(admin: Caller) -> None:
    admin.headers.update({"x-mock-space": "mine", "x-mock-fault": "500-after-commit", "prefer": "code=409"})
    assert admin.get("/api/control/admin/company").status_code == 200
    refusal(admin.get("/api/control/admin/company", headers={"authorization": "Bearer anything"}), 401, "token_invalid")


def test_nobody_comes_to_the_real_devices_by_the_mock(admin: Caller) -> None:
    upgrade = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "sec-websocket-protocol": "mqtt",
    }
    refusal(admin.get(f"{MOCK}/mqtt", headers=upgrade), 404, "unknown_path")


@pytest.mark.alone_on("sqlite", "a setting that no store knows of")
def test_a_server_may_leave_the_mock_out(tmp_path: Path) -> None:
    with (
        running(tmp_path / "data", environment={"HYDROBIT_MOCK": "false"}) as server,
        Caller(server) as admin,
    ):
        refusal(admin.get(f"{MOCK}/api/control/admin/company"), 404, "unknown_path")
