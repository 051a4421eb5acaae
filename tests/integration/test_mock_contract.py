"""The mock passes what the server passes: these are the server's own tests, over one space of the mock."""

from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.callers import ADMIN_USERS, VIEWER, Caller
from tests.integration import test_bulk, test_idempotency, test_sessions
from tests.mocks import process
from tests.servers import RunningServer

OTHERWISE = {
    "test_a_call_that_is_wrong_as_a_whole_counts_nothing",  # the caller is who the call says, so that nobody mismatches
    # What takes long, and says nothing of the mock that others do not.
    "test_every_key_that_a_record_claims_is_known_afterwards",
    "test_ten_thousand_counts_are_taken_and_one_more_is_refused",
    "test_the_second_sending_of_a_long_list_adds_nothing",
}
"""Tests that the mock does not run."""


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with process({"x-mock-space": "contract"}) as started:
        with Caller(started) as admin:
            viewer = {"userId": VIEWER, "name": "A Viewer", "role": "viewer"}
            assert admin.post(ADMIN_USERS, json=viewer).status_code == 201
        yield started
        assert started.stop() == 0


def _tests_of(module: ModuleType) -> dict[str, object]:
    """The tests of a module and its fixtures, which run with the server of this one."""
    return {
        name: found
        for name, found in vars(module).items()
        if (name.startswith("test_") and name not in OTHERWISE) or name == "session_id"
    }


for _module in (test_bulk, test_idempotency, test_sessions):
    globals().update(_tests_of(_module))
