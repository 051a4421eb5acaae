"""A scale without a server: what it weighs, what it keeps, and when it has a signal."""

from contextlib import closing
from pathlib import Path

import pytest

from hydrobit.client.counts import Count
from hydrobit.errors import SettingError
from hydrobit.simulate.buffer import Buffer, Tally
from hydrobit.simulate.line import Address
from hydrobit.simulate.scale import Plan

PLAN = Plan(
    user_id="user_1",
    session_id="session_1",
    workers=(("JS0315", "John Smith"), ("AG0110", "Ana García")),
    device_id="scale-1",
    seed=7,
    boxes_per_s=1,
    boxes_max=None,
    offline_every_s=30,
    offline_for_s=10,
)


def box(number: int, event_id: str) -> Count:
    return PLAN.count(number, event_id, 0)


def test_the_same_seed_and_number_are_the_same_box() -> None:
    first, again, other = (box(number, "x") for number in (1, 1, 2))
    assert first == again
    assert first["evidence"] != other["evidence"]
    assert {box(number, "x")["workerId"] for number in range(20)} == {"JS0315", "AG0110"}


def test_the_signal_comes_and_goes() -> None:
    assert [PLAN.has_signal(since) for since in (0, 29.9, 30, 39.9, 40, 70)] == [True, True, False, False, True, False]


def test_a_box_keeps_its_event_over_starts_until_it_is_acknowledged(tmp_path: Path) -> None:
    file = tmp_path / "scale.db"
    with closing(Buffer(file)) as buffer:
        for _ in range(3):
            buffer.weigh(box)
        first = buffer.waiting(0, 10)
    with closing(Buffer(file)) as buffer:
        assert buffer.waiting(0, 10) == first
        assert [kept.number for kept in buffer.waiting(1, 1)] == [2]
        buffer.acknowledged(1)
        buffer.refused(2, "worker_not_found")
        assert [kept.number for kept in buffer.waiting(0, 10)] == [3]
        assert buffer.tally == Tally(weighed=3, acknowledged=1, refused=1)
    with closing(Buffer(file)) as buffer:
        buffer.weigh(box)
        (_, fourth) = buffer.waiting(0, 10)
        assert fourth.number == 4
        assert len({kept.event_id for kept in [*first, fourth]}) == 4


def test_two_files_never_have_the_same_event(tmp_path: Path) -> None:
    found = []
    for name in ("a.db", "b.db"):
        with closing(Buffer(tmp_path / name)) as buffer:
            buffer.weigh(box)
            found.append(buffer.waiting(0, 1)[0].event_id)
    assert found[0] != found[1]


def test_a_file_that_is_in_use_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "scale.db"
    with closing(Buffer(file)), pytest.raises(SettingError, match="by another process"):
        Buffer(file)
    (tmp_path / "letter.txt").write_text("not a database, by any means " * 10)
    with pytest.raises(SettingError, match="cannot be used"):
        Buffer(tmp_path / "letter.txt")


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("ws://127.0.0.1:8080", ("127.0.0.1", 8080, "/mqtt", True, False)),
        ("wss://farm.example/base/mqtt", ("farm.example", 443, "/base/mqtt", True, True)),
        ("mqtt://farm.example", ("farm.example", 1883, "/mqtt", False, False)),
        ("mqtts://farm.example:9000", ("farm.example", 9000, "/mqtt", False, True)),
    ],
)
def test_an_address_is_read(url: str, read: tuple[object, ...]) -> None:
    found = Address.read(url)
    assert (found.host, found.port, found.path, found.is_web_socket, found.is_tls) == read


@pytest.mark.parametrize("url", ["http://farm.example", "farm.example:1883", "mqtt://", "mqtt://x:port", "mqtt://[x"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="write ws://"):
        Address.read(url)
