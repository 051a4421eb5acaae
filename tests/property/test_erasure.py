"""Whichever personal texts are erased, the chain holds, no unit is lost, and nobody can read the names any more."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hydrobit.ledger import store as ledger
from hydrobit.ledger.read import WorkerSum, session_sums
from tests import embedded, engines
from tests.embedded import ADMIN, MovedClock
from tests.unit.ledger import independent
from tests.unit.ledger.books import count, open_session, write_a_day

TEXTS_MAX = 20


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("written") / "data"
    asyncio.run(write_a_day(data))
    return data


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.sets(st.integers(0, TEXTS_MAX)))
def test_erasing_texts_leaves_the_chain_and_the_units(written: Path, tmp_path: Path, places: set[int]) -> None:
    data = tmp_path / "data"
    engines.forget(data)
    shutil.rmtree(data, ignore_errors=True)
    engines.copy(written, data)
    before = sums(data)
    texts = engines.rows(data, "select digest, subject, text from personal where company = 1 order by digest")
    erased = [text for place, text in enumerate(texts) if place in places]
    erase(data, [digest for digest, *_ in erased])
    embedded.verify(data)
    independent.verify(data)
    names = {(subject, text) for _, subject, text in erased}
    for old, new in zip(before, sums(data), strict=True):
        assert new.names == tuple(name for name in old.names if (old.worker_id, name) not in names)
        assert (new.units, new.records, new.voids) == (old.units, old.records, old.voids)


async def test_an_erased_name_is_gone_from_what_is_shown_and_kept(tmp_path: Path) -> None:
    """Also from the bytes of the file, once it is packed; and a name that is recorded again is a new text."""
    data, clock = tmp_path / "data", MovedClock()
    async with embedded.running(data, clock) as house:
        session_id = await open_session(house, ADMIN)
        record_id = await count(house, ADMIN, session_id, "e1", worker_name="Xochitl Nezahualcoyotl")
    erase(data, [digest for (digest,) in engines.rows(data, "select digest from personal")])
    engines.pack(data)
    assert b"Xochitl" not in engines.file_of(data, "personal").read_bytes()
    async with embedded.running(data, clock) as house:
        record = await house.call("getProductionRecord", ADMIN, path={"recordId": record_id})
        assert "worker_name" not in record.data
        (worker,) = await shown_workers(house, session_id)
        assert (worker["names"], worker["units"], worker["recordCount"]) == ([], 1, 1)
        await count(house, ADMIN, session_id, "e2", worker_name="Xochitl Nezahualcoyotl")
        (worker,) = await shown_workers(house, session_id)
        assert (worker["names"], worker["units"]) == (["Xochitl Nezahualcoyotl"], 2)
        house.verify()


async def test_a_repeat_leaves_no_text_behind(tmp_path: Path) -> None:
    """What is answered with 200 stores nothing: no name, no place, no weight of a person."""
    async with embedded.running(tmp_path / "data", MovedClock()) as house:
        session_id = await open_session(house, ADMIN)
        for name in ("John Smith", "John Smith", "Jon Smith"):
            await count(house, ADMIN, session_id, "e1", worker_name=name, evidence={"latitude": 19.4, "gross": 20})
        texts = engines.rows(
            house.data,
            "select distinct p.text from personal as p join entry as e"
            " on e.company = p.company and p.digest in (e.name_digest, e.note_digest)",
        )
        kept = engines.rows(house.data, "select count(*) from personal where subject is not null")
    assert sorted(texts) == [("John Smith",), ('{"gross":20,"latitude":19.4}',)]
    assert kept == [(1,)]


def erase(data: Path, digests: list[bytes]) -> None:
    """What an erasure does, as docs/reference/ledger-format.md has it."""
    for digest in digests:
        engines.write(data, ("update personal set salt = null, text = null where digest = ?", (digest,)))


def sums(data: Path) -> list[WorkerSum]:
    """The sums per worker of every session of the demo company."""
    with engines.opened(data) as store:
        numbers = store.read(ledger.openings, 1, 0, 100)
        return [worker for number in numbers for worker in store.read(session_sums, 1, number)]


async def shown_workers(house: embedded.House, session_id: str) -> list[dict[str, Any]]:
    answer = await house.call("getProductionSession", ADMIN, path={"sessionId": session_id})
    workers: list[dict[str, Any]] = answer.data["workers"]
    return workers
