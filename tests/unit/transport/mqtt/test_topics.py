"""Where a topic leads, and who reads what."""

import pytest

from hydrobit.catalog import OPERATIONS
from hydrobit.errors import Code, Refused
from hydrobit.operation import Device
from hydrobit.transport.mqtt.filters import is_below, matches
from hydrobit.transport.mqtt.topics import Topics, replies_of

TOPICS = Topics(OPERATIONS)
BRANCH = Device("scale-1", "proj_1").branch("comp_1")


def name(topic: str, branch: str | None = None, method: str | None = None) -> str:
    return TOPICS.find(topic, branch, method).operation.name


def refusal(topic: str, branch: str | None = None, method: str | None = None) -> Code:
    with pytest.raises(Refused) as refused:
        TOPICS.find(topic, branch, method)
    return refused.value.code


@pytest.mark.parametrize("before", ["", "/", "api/", "/api/"])
def test_a_path_is_a_topic_with_and_without_its_beginning(before: str) -> None:
    assert name(f"{before}control/production/records") == "createProductionRecord"
    found = TOPICS.find(f"{before}control/production/records/rec_1/void", None)
    assert (found.operation.name, found.path) == ("voidProductionRecord", {"recordId": "rec_1"})


def test_a_path_of_several_methods_means_the_one_that_writes_unless_another_is_named() -> None:
    assert name("control/production/sessions") == "createProductionSession"
    assert name("control/production/sessions", method="GET") != "createProductionSession"
    assert refusal("control/production/sessions", method="DELETE") is Code.method_not_allowed


def test_a_device_reaches_all_rows_and_its_readings_in_its_own_branch() -> None:
    assert name(f"{BRANCH}/data/weather", BRANCH) == "addWeatherReadings"
    assert name(f"/api/{BRANCH}/control/production/records", BRANCH) == "createProductionRecord"


@pytest.mark.parametrize(
    "topic",
    [
        "connect/comp_1/proj_1/scale-2/data/weather",
        "connect/comp_2/proj_1/scale-1/data/weather",
        "connect/comp_1/proj_1/scale-1",
        "connect/comp_1/proj_1/scale-11/data/weather",
        "connect/",
    ],
)
def test_another_branch_than_the_senders_own_is_refused(topic: str) -> None:
    assert refusal(topic, BRANCH) is Code.device_mismatch
    assert refusal(topic) is Code.device_mismatch


@pytest.mark.parametrize(
    "topic",
    [
        "$SYS/broker/clients",
        "replies/other",
        "control/production/nothing",
        "",
        "/",
        "//control/production/records",
        "control/production/records/",
        "control/production/records/rec_1/void\n",
        "mqtt",
        "data/weather",
        "connect",
        f"{BRANCH}/{BRANCH}/data/weather",
        f"{BRANCH}/replies/scale-1",
    ],
)
def test_other_topics_lead_nowhere(topic: str) -> None:
    assert refusal(topic, BRANCH) is Code.unknown_path


@pytest.mark.parametrize(
    ("wanted", "topic", "fits"),
    [
        ("replies/a", "replies/a", True),
        ("replies/a/#", "replies/a", True),
        ("replies/a/#", "replies/a/b/c", True),
        ("replies/a/+", "replies/a/b", True),
        ("replies/a/+", "replies/a", False),
        ("replies/a/+", "replies/a/b/c", False),
        ("replies/a/+/c", "replies/a/b/c", True),
        ("replies/a", "replies/a/b", False),
        ("replies/a/b", "replies/a", False),
    ],
)
def test_a_filter_matches_as_the_specification_says(wanted: str, topic: str, fits: bool) -> None:
    assert matches(wanted, topic) is fits


def test_a_client_id_that_begins_like_another_reads_nothing_of_it() -> None:
    assert is_below("replies/a/b", replies_of("a"))
    assert not is_below("replies/ab", replies_of("a"))
    assert not is_below("replies/+", replies_of("a"))
    assert not is_below("#", replies_of("a"))
