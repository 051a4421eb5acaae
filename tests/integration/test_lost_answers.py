"""A commit whose answer was lost: the engine runs the unit once more, which has to find its own work."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

from hydrobit.demo import company as demo
from hydrobit.ledger.append import Appender, Appenders
from hydrobit.records.batch import RecordBatch
from hydrobit.storage.copying import tables
from hydrobit.storage.engine import Engine, Transaction
from tests import engines
from tests.embedded import ADMIN, Answer, MovedClock, running

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Json = dict[str, Any]

DAWN = "2025-10-19T14:00:00.000Z"
FORM = {"_id": "form_1", "name": "Form", "type": "inspection", "fields": [{"name": "remark", "type": "text"}]}
FILLED = {"_id": "form_1", "auth0Id": demo.ADMIN, "type": "inspection", "form_values": []}
SESSION = {"projectId": demo.PROJECT, "sectorId": "sector_001", "sector_name": "Lote", "openedAt": DAWN}
COUNT = {"workerId": "JS0315", "worker_name": "John", "recordedAtUtc": DAWN}
WORKER = {"first_name": "Ana", "last_name": "Lopez", "hire_date": "2025-03-15"}
CREW = "first_name,last_name,hire_date,position,employment_type\nJo,Sm,2025-03-15,field_worker,full_time\n"


class Twice:
    """Fits `Engine`. Each write is committed, and run again as if nobody had heard of that."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.read, self.look_up = engine.read, engine.look_up
        self.end_within, self.stop = engine.end_within, engine.stop

    async def write(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        await self._engine.write(unit, *args)
        return await self._engine.write(unit, *args)


async def play(data: Path, around: Callable[[Engine], Engine]) -> tuple[list[Answer], dict[str, int]]:
    """A call of each kind that writes; what was answered, and how many rows each table has then."""
    clock = MovedClock()
    async with running(data, clock) as house:
        engine, random = around(house.engine), house.context.random
        lane = Appender(engine, clock, RecordBatch(random, 5_000), queue_length_max=10, batch_rows_max=10)
        appender = Appenders([lane])
        appender.start()
        house.context = replace(house.context, engine=engine, appender=appender)
        answers: list[Answer] = []

        async def call(name: str, body: Json, **path: str) -> Answer:
            answers.append(await house.call(name, ADMIN, body, path=path))
            return answers[-1]

        me: Json = {"auth0Id": demo.ADMIN}
        opened = await call("createProductionSession", me | SESSION | {"localId": "1", "notes": "early"})
        here = str(opened.data["sessionId"])
        count = me | COUNT | {"sessionId": here}
        counted = await call("createProductionRecord", count | {"clientEventId": "1", "evidence": {"scale": 1}})
        several = [count | {"clientEventId": f"b{number}", "worker_name": "Johnny"} for number in range(3)]
        await call("bulkCreateProductionRecords", me | {"records": several})
        void = str(counted.data["payloadPreview"]["recordId"])
        await call("voidProductionRecord", me | {"reason": "Twice"}, recordId=void)
        for change in ({"notes": "wet", "pricePerUnit": 9}, {"notes": "wet"}, {"pricePerUnit": 8}):
            await call("updateProductionSession", me | change, sessionId=here)
        told = {"harvestLotCode": "L1", "licensePlate": "ABC", "driverName": "Dan"}
        await call("updateProductionSession", me | told, sessionId=here)
        kind = {"position": "field_worker", "employment_type": "full_time"}
        await call("createWorker", me | WORKER | kind | {"companyId": demo.COMPANY})
        await call("changeWorker", me | {"phone": "5"}, worker="AL0315")
        await call("importWorkers", me | {"csv": CREW})
        await call("addUser", {"userId": "user_1", "name": "One", "role": "supervisor"})
        await call("changeUser", {"name": "Other"}, userId="user_1")
        await call("disableUser", {}, userId="user_1")
        await call("addKey", {"name": "Packing house", "scopes": ["read:production"]})
        project = {"projectId": "proj_1", "projectName": "Rancho", "timezone": "America/Mexico_City"}
        await call("addProject", me | project | {"samplingUnit": "box", "pricePerUnit": 5})
        await call("changeProject", me | {"pricePerUnit": 6}, projectId="proj_1")
        await call("addSector", me | {"sectorId": "sector_1", "sector_name": "Lote"}, projectId="proj_1")
        await call("addForm", {"definition": FORM})
        await call("changeForm", {"definition": FORM | {"name": "Other"}}, formId="form_1")
        await call("submitRecord", {"record": FILLED})
        await call("submitRecord", {"record": FILLED | {"clientEventId": "1"}})
        await appender.stop()
    with engines.opened(data) as store:
        return answers, store.read(lambda tx: {table.name: (tx.one(table.count) or (0,))[0] for table in tables()})


async def test_a_unit_that_runs_again_after_its_commit_doubles_nothing_and_refuses_nothing(tmp_path: Path) -> None:
    once, rows = await play(tmp_path / "once", lambda engine: engine)
    twice, rows_of_twice = await play(tmp_path / "twice", Twice)
    assert [answer.body for answer in once + twice if answer.status >= 400] == []
    assert rows_of_twice == rows
    keys = [answer.data["key"] for answer in twice if "key" in answer.body.get("data", {})]
    assert len(keys) == 1, "whoever asked for a key has it in hand"


async def test_a_filled_form_without_an_event_shows_none_and_is_stored_each_time(tmp_path: Path) -> None:
    async with running(tmp_path, MovedClock()) as house:
        await house.call("addForm", ADMIN, {"definition": FORM})
        for _ in range(2):
            assert (await house.call("submitRecord", ADMIN, {"record": FILLED})).status == 201
        paging = {"page": 1, "pageSize": 10}
        listed = await house.call("listFormRecords", ADMIN, path={"formId": "form_1"}, query=paging)
        assert len(listed.data["items"]) == 2
        assert all("clientEventId" not in item for item in listed.data["items"])
