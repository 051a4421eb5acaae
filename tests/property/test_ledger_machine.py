"""Any order of openings, counts, repeats, conflicts, voids, closes, expiries, extensions, restarts and restores leaves
the real store where a plain model of the contract stands.

PROPERTY_EXAMPLES=5000 make test ARGS=tests/property looks longer.
"""

import asyncio
import atexit
import copy
import os
import shutil
import tempfile
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hydrobit.audit.service import Author
from hydrobit.demo import company as demo
from hydrobit.kit.instants import HOUR_MS, write_instant
from hydrobit.operation import Caller
from hydrobit.projects import service as projects
from hydrobit.projects.store import Project, Sector
from hydrobit.storage.queries import POSTGRES, SQLITE
from tests import embedded, engines
from tests.embedded import ADMIN, DAWN, NEIGHBOUR, SUPERVISOR, Answer, House, MovedClock
from tests.property.model import Company, Count, Expected, Held, Opening, Record, Session

SECTORS = tuple(demo.SECTORS)
UNITS = {"": 1_000_000, "0": 0, "1": 1_000_000, "12.0": 12_000_000, "2.5": 2_500_000, "18.950000000000003": 18_950_000}
"""How a client may write an amount, and the millionths that it means; the first is left out."""
WORKERS = {"JS0315": "JS0315", " js0315 ": "JS0315", "ag0110": "AG0110", "ñu0101": "ÑU0101"}
"""As sent, and as the contract reads it."""
INSTANTS = [DAWN + int(hours * HOUR_MS) for hours in (-1, 0, 0, 0.5, 3, 30)]
callers = st.sampled_from([ADMIN, ADMIN, ADMIN, ADMIN, SUPERVISOR, NEIGHBOUR])
places = st.integers(0, 1_000)
notes = st.sampled_from([None, "Good weather", "Rain"])
GRADED = {"qualityId": "Q1", "qualityName": "Primera", "units": 3}
descriptions = st.sampled_from(
    [
        {"harvestLotCode": "HL-1", "license_plate": "ABC-123"},
        {"license_plate": "ABC-124", "driver_name": "Juan Perez"},
        {"driver_name": "ABC-124"},
        {"harvestUnitId": "unit_1", "qualityBreakdown": [GRADED, GRADED | {"workerId": "JS0315"}]},
        {"qualityBreakdown": []},
    ]
)


@dataclass(frozen=True)
class Sent:
    """A count as its body goes over the wire, and what the model reads in it."""

    body: dict[str, Any]
    count: Count


@st.composite
def counts(draw: st.DrawFn) -> dict[str, Any]:
    """The parts of a count, from small pools, so that keys meet often. The session is chosen when it is sent."""
    return {
        "workerId": draw(st.sampled_from(list(WORKERS))),
        "worker_name": draw(st.sampled_from(["John Smith", "Ana"])),
        "clientEventId": draw(st.sampled_from(["e1", "e2", "e:3", "e4", "e5"])),
        "units": draw(st.sampled_from(list(UNITS))),
        "recordedAtUtc": draw(st.sampled_from(INSTANTS)),
        "idempotencyKey": draw(st.sampled_from([None, None, "k1", "k2", "derived"])),
        "device": draw(st.sampled_from([None, None, None, ("d1", 1), ("d1", 2)])),
        "session": draw(places),
    }


class LedgerMachine(RuleBasedStateMachine):
    """The house on one side, two companies of the model on the other."""

    engine = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="hydrobit-machine-"))
        self.runner = asyncio.Runner()
        self.clock = MovedClock()
        self.companies = {
            1: Company("America/Mexico_City", demo.PROJECT, SECTORS),
            2: Company("Asia/Tokyo", demo.PROJECT, SECTORS[:1]),
        }
        self.sent: list[tuple[Caller, Sent]] = []
        self.opened: list[tuple[Caller, Opening]] = []
        self.ids_given: set[str] = set()
        self.lost_sessions: list[str] = ["6507f1e3c9d8e2a4b1f9c3d5"]
        self.directories: list[Path] = []
        self.backup: tuple[Path, dict[int, Company]] | None = None

    # The house and its directory.

    @initialize()
    def begin(self) -> None:
        self._start(engines.copy(_prepared_store(self.engine), self._new_directory()))
        for caller in (ADMIN, NEIGHBOUR):
            self._open(caller, Opening(demo.PROJECT, SECTORS[0], DAWN))

    def _start(self, data: Path) -> None:
        self.data = data
        self.running: AbstractAsyncContextManager[House] = embedded.running(
            data, self.clock, bulk_chunk_rows=3, batch_rows_max=4
        )
        self.house = self.runner.run(self.running.__aenter__())
        self.looking = engines.busy_hand(data)
        self.looking.__enter__()

    def _stop(self) -> None:
        self.looking.__exit__(None, None, None)
        self.runner.run(self.running.__aexit__(None, None, None))

    def _new_directory(self) -> Path:
        self.directories.append(self.folder / str(len(self.directories)))
        return self.directories[-1]

    def teardown(self) -> None:
        if hasattr(self, "house"):
            self._stop()
        self.runner.close()
        engines.forget(*self.directories)
        shutil.rmtree(self.folder)

    @rule()
    def restart(self) -> None:
        self._stop()
        self._start(self.data)

    @precondition(lambda self: self.backup is None)
    @rule()
    def take_backup(self) -> None:
        target = engines.back_up(self.data, self._new_directory())
        embedded.verify(target)
        self.backup = target, copy.deepcopy(self.companies)

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore_backup(self) -> None:
        """What came after the backup is lost, but its ids live on in phones and are never given again."""
        assert self.backup is not None
        kept, companies = self.backup
        self._stop()
        self.lost_sessions += [session.id for company in self.companies.values() for session in company.sessions]
        data = engines.copy(kept, self._new_directory())
        self.companies = copy.deepcopy(companies)
        for company in self.companies.values():
            company.tally.restores += 1
        self._start(data)

    # Time.

    @rule(hours=st.sampled_from([0.25, 0.5, 2, 9]))
    def let_time_pass(self, hours: float) -> None:
        self.clock.forward_hours(hours)

    @rule(after=st.booleans(), place=places)
    def wait_for_an_end(self, after: bool, place: int) -> None:
        """To the very millisecond in which a session ends, or the one before."""
        ends = sorted(session.end for session in self._sessions(1) if session.end > self.clock.now() + 1)
        if ends:
            self.clock.forward(ends[place % len(ends)] - self.clock.now() - (not after))

    @rule()
    def run_jobs(self) -> None:
        self.runner.run(self.house.run_jobs())

    # Sessions.

    @rule(
        caller=callers,
        sector=st.sampled_from([*SECTORS, *SECTORS, *SECTORS, "sector_none"]),
        opened_at=st.sampled_from(INSTANTS),
        hours=st.sampled_from([None, 1, 3]),
        local_id=st.sampled_from([None, None, "l1", "l2"]),
        price=st.sampled_from([None, 7_250_000]),
        note=notes,
    )
    def open_session(
        self,
        caller: Caller,
        sector: str,
        opened_at: int,
        hours: int | None,
        local_id: str | None,
        price: int | None,
        note: str | None,
    ) -> None:
        opening = Opening(demo.PROJECT, sector, opened_at, hours, local_id, price, note)
        self.opened.append((caller, opening))
        self._open(caller, opening)

    @precondition(lambda self: self.opened)
    @rule(place=places)
    def repeat_an_opening(self, place: int) -> None:
        self._open(*self.opened[place % len(self.opened)])

    def _open(self, caller: Caller, opening: Opening) -> None:
        body = _without_none(
            auth0Id=caller.user_id,
            projectId=opening.project,
            openedAt=write_instant(opening.opened_at),
            sectorId=opening.sector,
            sector_name="Lote",
            maxDurationHours=opening.hours,
            localId=opening.local_id,
            pricePerUnit=None if opening.price is None else opening.price / 1_000_000,
            notes=opening.notes,
        )
        expected = self._company(caller).open(caller.user_id, opening, self.clock.now())
        answer = self._call("createProductionSession", caller, body)
        self._check(answer, expected)
        if expected.session is not None:
            self._bind(expected.session, answer.data["sessionId"], is_new=answer.status == 201)
            assert answer.status == 200 or answer.data["status"] == "open"

    @rule(
        caller=callers,
        place=places,
        price=st.sampled_from([None, 0, 6_000_000]),
        bonus=st.sampled_from([None, ("percent", 10_000_000), ("flat", 2_500_000)]),
        note=notes,
    )
    def change_terms(
        self, caller: Caller, place: int, price: int | None, bonus: tuple[str, int] | None, note: str | None
    ) -> None:
        session_id = self._session_id(caller, place)
        body = _without_none(
            auth0Id=caller.user_id,
            samplingUnit="kg",
            pricePerUnit=None if price is None else price / 1_000_000,
            bonus=None if bonus is None else {"type": bonus[0], "value": bonus[1] / 1_000_000},
            notes=note,
        )
        terms = _without_none(unit="kg", price=price, bonus=bonus)
        expected = self._company(caller).change(caller.user_id, session_id, terms, note, self.clock.now())
        self._check(self._call("updateProductionSession", caller, body, sessionId=session_id), expected)

    @rule(caller=callers, place=places, told=descriptions)
    def describe_the_harvest(self, caller: Caller, place: int, told: dict[str, Any]) -> None:
        """Also after the close, and the same again."""
        session_id = self._session_id(caller, place)
        expected = self._company(caller).describe(caller.user_id, session_id, told)
        body = {"auth0Id": caller.user_id} | told
        self._check(self._call("updateProductionSession", caller, body, sessionId=session_id), expected)

    @rule(caller=callers, place=places, hours=st.sampled_from([3, 20, 40, 72]))
    def extend(self, caller: Caller, place: int, hours: int) -> None:
        self._extend(caller, self._session_id(caller, place), hours)

    @rule(place=places, is_taken=st.booleans(), again=st.booleans())
    def extend_after_the_end(self, place: int, is_taken: bool, again: bool) -> None:
        """Once the time is over; or when another session has the place by then; or when that one is over too."""
        session = self._sessions(1)[place % len(self._sessions(1))]
        owner = ADMIN if session.owner == ADMIN.user_id else SUPERVISOR
        self.clock.forward(max(0, session.end - self.clock.now()))
        if is_taken:
            self._open(owner, replace(session.opening, local_id=None, hours=1))
        self._extend(owner, session.id, 72)
        if again:
            self.clock.forward_hours(1)
            self._extend(owner, session.id, 72)

    def _extend(self, caller: Caller, session_id: str, hours: int) -> None:
        body = {"auth0Id": caller.user_id, "maxDurationHours": hours}
        expected = self._company(caller).extend(caller.user_id, session_id, hours, self.clock.now())
        self._check(self._call("extendProductionSession", caller, body, sessionId=session_id), expected)

    @rule(caller=callers, place=places, note=notes)
    def close(self, caller: Caller, place: int, note: str | None) -> None:
        session_id = self._session_id(caller, place)
        expected = self._company(caller).close(caller.user_id, session_id, note, self.clock.now())
        answer = self._call("closeProductionSession", caller, _without_none(notes=note), sessionId=session_id)
        self._check(answer, expected)
        if expected.session is not None:
            self._check_sums(answer.data, expected.session)
            assert answer.data["closedAt"] == write_instant(expected.session.ended(self.clock.now()) or 0)

    # Counts.

    @rule(caller=callers, parts=counts())
    def count(self, caller: Caller, parts: dict[str, Any]) -> None:
        self._count(caller, self._sent(caller, parts))

    @precondition(lambda self: self.sent)
    @rule(
        place=places,
        other=callers,
        as_other=st.sampled_from([False, False, True]),
        key=st.sampled_from([None, "k1", "k3"]),
    )
    def repeat_a_count(self, place: int, other: Caller, as_other: bool, key: str | None) -> None:
        """By the same user or another one, with the same key, another one, or one for the first time."""
        caller, sent = self.sent[-1 - place % min(len(self.sent), 5)]
        self._count(other if as_other else caller, self._with_key(sent, key) if key else sent)

    @rule(caller=callers, many=st.lists(counts(), max_size=8), again=st.booleans())
    def count_in_bulk(self, caller: Caller, many: list[dict[str, Any]], again: bool) -> None:
        """With duplicates inside, and one element that is none."""
        sents = [self._sent(caller, parts) for parts in many]
        sents += sents[:2] if again else []
        bodies: list[Any] = [{k: v for k, v in sent.body.items() if k != "auth0Id"} for sent in sents]
        answer = self._call(
            "bulkCreateProductionRecords", caller, {"auth0Id": caller.user_id, "records": [*bodies, {"units": "5"}]}
        )
        assert answer.status == 207
        results = answer.body["results"]
        assert [result["index"] for result in results] == list(range(len(sents) + 1))
        assert results[-1]["statusCode"] == 400
        statuses = [400]
        for sent, result in zip(sents, results, strict=False):
            self._check_count(caller, sent, Answer(result["statusCode"], {**result, "data": result}))
            statuses.append(result["statusCode"])
        ok, duplicated = statuses.count(201), statuses.count(200)
        assert answer.body["summary"] == {"ok": ok, "duplicated": duplicated, "failed": len(statuses) - ok - duplicated}

    @rule(
        calls=st.lists(st.tuples(callers, st.one_of(counts(), places)), min_size=2, max_size=5),
        same=st.booleans(),
    )
    def call_together(self, calls: list[tuple[Caller, dict[str, Any] | int]], same: bool) -> None:
        """Counts and voids of both companies in one transaction; each caller gets its own outcome."""
        calls = [*calls, calls[0]] if same else calls
        wanted = [
            (caller, self._sent(caller, what) if isinstance(what, dict) else self._record_id(caller, what))
            for caller, what in calls
        ]

        async def together() -> list[Answer]:
            return await asyncio.gather(
                *(
                    self.house.call("createProductionRecord", caller, what.body)
                    if isinstance(what, Sent)
                    else self._void_call(caller, what)
                    for caller, what in wanted
                )
            )

        for (caller, what), answer in zip(wanted, self.runner.run(together()), strict=True):
            if isinstance(what, Sent):
                self._check_count(caller, what, answer)
            else:
                self._check_void(caller, what, answer)

    @precondition(lambda self: self.companies[1].records)
    @rule(caller=callers, place=places)
    def void(self, caller: Caller, place: int) -> None:
        record_id = self._record_id(caller, place)
        self._check_void(caller, record_id, self.runner.run(self._void_call(caller, record_id)))

    @precondition(lambda self: self.sent)
    @rule(caller=callers, place=places, own=st.sampled_from(["k1", "k2", "k3"]))
    def ask_for_a_key(self, caller: Caller, place: int, own: str) -> None:
        count = self.sent[place % len(self.sent)][1].count
        for key in (own, f"client:{count.session_id}:{count.worker}:{count.event}"):
            answer = self.runner.run(self.house.call("checkIdempotencyKey", caller, query={"key": key}))
            assert answer.status == (200 if self._company(caller).knows(key) else 404)

    # What holds after every step.

    @invariant()
    def sessions_read_as_the_model_says(self) -> None:
        for caller in (ADMIN, SUPERVISOR, NEIGHBOUR):
            own = [session for session in self._sessions(caller.company) if session.owner == caller.user_id]
            listed = self._call("listProductionSessions", caller, limit=100).data
            assert {item["sessionId"] for item in listed["items"]} == {session.id for session in own}
            for session in own:
                self._check_view(self._call("getProductionSession", caller, sessionId=session.id).data, session)

    @invariant()
    def the_ledger_is_gapless_and_sums_up(self) -> None:
        for number, company in self.companies.items():
            kinds = dict(
                engines.rows(self.data, "select kind, count(*) from entry where company = ? group by kind", number)
            )
            ((first, last, units),) = engines.rows(
                self.data,
                "select coalesce(min(seq), 1), coalesce(max(seq), 0), coalesce(sum(units), 0)"
                " from entry where company = ?",
                number,
            )
            assert (first, last, units) == (1, sum(kinds.values()), company.total)
            kinds.pop(5, None)
            tally = company.tally
            assert kinds == _without_zero(
                {
                    1: tally.counts,
                    2: tally.voids,
                    3: tally.openings,
                    4: tally.changes,
                    6: tally.claims,
                    9: tally.restores,
                    10: tally.descriptions,
                }
            )

    @invariant()
    def verify_passes(self) -> None:
        self.house.verify()

    # Calling, and holding an answer against the model.

    def _call(self, name: str, caller: Caller, body: dict[str, Any] | None = None, **values: Any) -> Answer:
        path = {key: value for key, value in values.items() if key.endswith("Id")}
        query = {key: value for key, value in values.items() if not key.endswith("Id")}
        return self.runner.run(self.house.call(name, caller, body, path=path, query=query))

    async def _void_call(self, caller: Caller, record_id: str) -> Answer:
        body = {"auth0Id": caller.user_id, "reason": "Duplicate entry"}
        return await self.house.call("voidProductionRecord", caller, body, path={"recordId": record_id})

    def _count(self, caller: Caller, sent: Sent) -> None:
        self._check_count(caller, sent, self._call("createProductionRecord", caller, sent.body))

    def _check_count(self, caller: Caller, sent: Sent, answer: Answer) -> None:
        expected = self._company(caller).count(caller.user_id, sent.count, self.clock.now())
        self._check(answer, expected)
        if answer.status in (200, 201):
            assert expected.record is not None
            preview = answer.data["payloadPreview"]
            self._bind(expected.record, preview["recordId"], is_new=answer.status == 201)
            assert (preview["sessionId"], preview["workerId"]) == (sent.count.session_id, sent.count.worker)
            assert _millionths(preview["units"]) == sent.count.units
            assert answer.data.get("idempotent", False) == (answer.status == 200)
        elif expected.record is not None:
            assert answer.body["existing"]["recordId"] == expected.record.id
        assert answer.body.get("held", False) == (expected.held is not None)
        if expected.held is not None:
            self._bind(expected.held, answer.body["heldId"], is_new=not expected.held.id)

    def _check_void(self, caller: Caller, record_id: str, answer: Answer) -> None:
        expected = self._company(caller).void(caller.user_id, record_id, self.clock.now())
        self._check(answer, expected)
        if expected.record is not None:
            preview = answer.data["payloadPreview"]
            assert preview["voidOf"] == record_id
            assert preview.get("idempotent", False) == bool(expected.record.id)
            self._bind(expected.record, preview["recordId"], is_new=not expected.record.id)

    def _check(self, answer: Answer, expected: Expected) -> None:
        assert answer.status == expected.status, f"expected {expected}, got {answer}"
        assert not expected.codes or answer.code in expected.codes, f"expected {expected}, got {answer}"

    def _bind(self, thing: Session | Record | Held, given: str, *, is_new: bool) -> None:
        """A new thing gets an id that nothing had before, in this life of the store or a lost one."""
        if is_new:
            assert given not in self.ids_given
            self.ids_given.add(given)
            thing.id = given
        assert thing.id == given

    def _check_view(self, view: dict[str, Any], session: Session) -> None:
        ended = session.ended(self.clock.now())
        by_owner = session.closed_at is not None
        told = {
            "status": "open" if ended is None else "closed",
            "closedAt": None if ended is None else write_instant(ended),
            "closedReason": None if ended is None else "manual" if by_owner else "expired",
            "closedBy": None if ended is None else "user" if by_owner else "system",
            "expiresAt": write_instant(session.end),
            "maxDurationHours": session.hours,
            "day": f"{session.day}T00:00:00.000Z",
            "samplingUnit": session.terms.unit,
            "notes": session.notes,
            "finalNotes": session.final_notes,
            "localId": session.opening.local_id,
        }
        assert {name: view.get(name) for name in told} == told
        assert {name: view.get(name) for name in session.described} == session.described
        assert _millionths(view["pricePerUnit"]) == session.terms.price
        bonus = view.get("bonus")
        assert (bonus and (bonus["type"], _millionths(bonus["value"]))) == session.terms.bonus
        self._check_sums(view, session)

    def _check_sums(self, view: dict[str, Any], session: Session) -> None:
        assert _millionths(view["totalUnits"]) == session.total
        assert view["heldCount"] == session.held_count
        sums = {
            worker["workerId"]: (
                worker["names"],
                _millionths(worker["units"]),
                worker["recordCount"],
                worker["voidedCount"],
            )
            for worker in view["workers"]
        }
        assert sums == session.workers()

    # Choosing.

    def _company(self, caller: Caller) -> Company:
        return self.companies[caller.company]

    def _sessions(self, company: int) -> list[Session]:
        return self.companies[company].sessions

    def _session_id(self, caller: Caller, place: int) -> str:
        """Mostly one of the company's own sessions, now and then another company's or a lost one."""
        own = [session.id for session in self._sessions(caller.company)]
        others = [session.id for session in self._sessions(3 - caller.company)]
        known = own * 8 + others[:1] + self.lost_sessions[-2:]
        return known[place % len(known)]

    def _record_id(self, caller: Caller, place: int) -> str:
        own = [record.id for record in self._company(caller).records]
        others = [record.id for record in self.companies[3 - caller.company].records]
        known = own * 8 + others[:1] + ["rec_1234567890abcdef"]
        return known[place % len(known)]

    def _sent(self, caller: Caller, parts: dict[str, Any]) -> Sent:
        session_id = self._session_id(caller, parts["session"])
        worker, event, device = WORKERS[parts["workerId"]], parts["clientEventId"], parts["device"]
        derived = f"client:{session_id}:{worker}:{event}"
        key = derived if parts["idempotencyKey"] == "derived" else parts["idempotencyKey"]
        sent = Sent(
            _without_none(
                auth0Id=caller.user_id,
                sessionId=session_id,
                workerId=parts["workerId"],
                worker_name=parts["worker_name"],
                clientEventId=event,
                units=float(parts["units"]) if parts["units"] else None,
                recordedAtUtc=write_instant(parts["recordedAtUtc"]),
                idempotencyKey=key,
                deviceId=device and device[0],
                deviceSeq=device and device[1],
            ),
            Count(
                session_id,
                worker,
                parts["worker_name"],
                event,
                UNITS[parts["units"]],
                parts["recordedAtUtc"],
                None if key == derived else key,
                device,
            ),
        )
        self.sent.append((caller, sent))
        return sent

    def _with_key(self, sent: Sent, key: str) -> Sent:
        return Sent({**sent.body, "idempotencyKey": key}, replace(sent.count, own_key=key))


@cache
def _prepared_store(engine: str) -> Path:
    """A store with the demo companies, in which both have a project and a sector of the same name."""
    data, clock = Path(tempfile.mkdtemp(prefix="hydrobit-machine-")), MovedClock()
    atexit.register(shutil.rmtree, data)
    with engines.chosen(engine):
        embedded.prepare(data, clock)
    project = Project(demo.PROJECT, "The same name", "Asia/Tokyo", "box", 5_500_000, None, 12)
    with engines.opened(data) as store:
        author = Author(NEIGHBOUR.company, NEIGHBOUR.user_id, clock.now(), os.urandom)
        store.write(projects.add_project, author, project)
        store.write(projects.add_sector, author, Sector(SECTORS[0], demo.PROJECT, "Lote"))
    return data


def _without_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _without_zero(counts: dict[int, int]) -> dict[int, int]:
    return {kind: count for kind, count in counts.items() if count}


def _millionths(number: int | Decimal) -> int:
    return int(number * 1_000_000)


class OnSqlite(LedgerMachine):
    """The embedded store."""

    engine = SQLITE


class OnPostgres(LedgerMachine):
    """A database; it takes longer, so that a usual run tries less on it."""

    engine = POSTGRES


def _tries(length: int) -> settings:
    return settings(
        max_examples=int(os.environ.get("PROPERTY_EXAMPLES", length)),
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


TestLedgerOnSqlite, TestLedgerOnPostgres = OnSqlite.TestCase, OnPostgres.TestCase
TestLedgerOnSqlite.settings, TestLedgerOnPostgres.settings = _tries(16), _tries(5)
