"""The crew register over HTTP: ids, the same person again, the template, search, pages, and who may see whom."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hydrobit.demo import company as demo
from hydrobit.wire.workers import Worker
from tests.callers import Caller, read_store, refusal
from tests.servers import RunningServer

FULL: dict[str, Any] = {
    "first_name": "Berta",
    "last_name": "Quiroz",
    "phone": "+1234567890",
    "email": "berta@example.com",
    "employment_type": "seasonal",
    "hire_date": "2024-02-29",
    "termination_date": "2025-02-28",
    "status": "terminated",
    "hourly_rate": 18.5,
    "emergency_contact_name": "Jane Quiroz",
    "emergency_contact_phone": "+1234567891",
    "skills": ["irrigation", "pruning"],
    "notes": "Left-handed.",
}


def test_all_that_was_sent_comes_back(admin: Caller) -> None:
    worker = admin.registered(**FULL)
    assert {name: worker[name] for name in FULL} == FULL
    assert worker["worker_id"] == "BQ0229"
    assert worker["photo_url"] is None
    assert admin.worker("BQ0229").json()["data"] == worker


def test_what_was_left_out_stays_out(admin: Caller) -> None:
    worker = admin.registered(first_name="Least", last_name="One")
    assert worker["status"] == "active"
    assert worker["termination_date"] is None
    assert worker["skills"] == []
    assert worker.keys() < set(Worker.__struct_fields__)


def test_a_worker_is_found_by_stored_id_and_by_business_id_however_typed(admin: Caller) -> None:
    worker = admin.registered(first_name="Fermín", last_name="Díaz", hire_date="2025-05-06")
    assert worker["worker_id"] == "FD0506"
    for name in (worker["workerId"], worker["workerId"].upper(), "FD0506", "fd0506", " FD0506 "):
        assert admin.worker(name).json()["data"] == worker


@pytest.mark.parametrize("name", ["ZZ9999", "6507f1e3c9d8e2a4b1f9c3d5", "a:b", "x" * 300, "%01", "%F0%9F%8C%BE"])
def test_an_unknown_worker_is_404(admin: Caller, name: str) -> None:
    refusal(admin.worker(name), 404, "worker_not_found")


def test_the_same_person_again_is_the_stored_one(admin: Caller) -> None:
    worker = admin.registered(first_name="Ana María", last_name="López", hire_date="2025-06-01")
    again = admin.register(first_name=" ANA  MARÍA", last_name="LÓPEZ ", hire_date="2025-06-01", phone="1", notes="x")
    assert (again.status_code, again.json()["data"]) == (200, worker)


def test_another_person_with_the_same_id_gets_a_number(admin: Caller) -> None:
    names = ["Nora", "Nadia", "Nuria", "Noé"]
    got = [admin.registered(first_name=name, last_name="Vega", hire_date="2025-07-07")["worker_id"] for name in names]
    assert got == ["NV0707", "NV0707-2", "NV0707-3", "NV0707-4"]


def test_the_same_names_with_another_hire_date_are_another_person(admin: Caller) -> None:
    days = ["2023-08-08", "2024-08-08"]
    got = [admin.registered(first_name="Olga", last_name="Ruiz", hire_date=day)["worker_id"] for day in days]
    assert got == ["OR0808", "OR0808-2"]


def test_parallel_calls_for_one_person_make_one_worker(server: RunningServer) -> None:
    def register(_: int) -> tuple[int, str]:
        with Caller(server) as caller:
            answer = caller.register(first_name="Ulises", last_name="Paz", hire_date="2025-09-09")
            return answer.status_code, answer.json()["data"]["workerId"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(register, range(16)))
    assert sorted(status for status, _ in answers) == [200] * 15 + [201]
    assert len({worker for _, worker in answers}) == 1


def test_parallel_calls_for_many_people_with_one_id_get_a_number_each(server: RunningServer) -> None:
    def register(number: int) -> str:
        with Caller(server) as caller:
            name = f"I{'abcdefghijklmnop'[number]}"
            worker_id: str = caller.registered(first_name=name, last_name="Gil", hire_date="2025-10-10")["worker_id"]
            return worker_id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(register, range(16)))
    assert ids == {"IG1010", *(f"IG1010-{number}" for number in range(2, 17))}


@pytest.mark.parametrize("field", ["position", "employment_type", "status"])
def test_what_is_no_option_of_the_template_is_refused_by_name(admin: Caller, field: str) -> None:
    before = admin.workers()["total"]
    body = refusal(
        admin.register(**{"first_name": "No", "last_name": "Body", field: "astronaut"}), 400, "invalid_value"
    )
    assert body["field"] == field
    assert "must be one of" in body["error"]
    assert admin.workers()["total"] == before


def test_skills_outside_the_template_are_dropped(admin: Caller) -> None:
    skills = ["juggling", "pruning", " irrigation ", "pruning", ""]
    worker = admin.registered(first_name="Skilled", last_name="One", skills=skills)
    assert worker["skills"] == ["pruning", "irrigation"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hire_date", "2025-02-30"),
        ("hire_date", "15/03/2025"),
        ("hire_date", "0001-01-01"),
        ("hire_date", "2025-03-15T00:00:00Z"),
        ("termination_date", "2025-03-14"),
        ("hourly_rate", -1),
        ("hourly_rate", 1_000_001),
        ("hourly_rate", 0.0000001),
        ("first_name", "x" * 201),
        ("notes", "x" * 2_001),
        ("skills", ["pruning"] * 101),
        ("skills", ["a\u0000b"]),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(admin: Caller, field: str, value: object) -> None:
    assert refusal(admin.register(**{field: value}), 400, "invalid_value")["field"] == field


@pytest.mark.parametrize("q", ["Güemes", "guemes", "GUEMES", "emes", "josé güe", "JG11", "jg1112"])
def test_a_search_is_blind_to_accents_and_upper_case(admin: Caller, q: str) -> None:
    admin.register(first_name="José", last_name="Güemes", hire_date="2025-11-12")
    assert [worker["worker_id"] for worker in admin.workers(q=q)["items"]] == ["JG1112"]


@pytest.mark.parametrize("q", ["%", "_", "\\", "x%z", "nobody at all"])
def test_signs_of_a_search_mean_themselves(admin: Caller, q: str) -> None:
    assert admin.workers(q=q) == {"total": 0, "page": 1, "pageSize": 25, "items": []}


def test_filters_narrow_a_list(admin: Caller) -> None:
    admin.register(first_name="Filtered", last_name="Packer", position="packer", employment_type="part_time")
    for query in ({"position": "packer"}, {"employment_type": "part_time"}, {"q": "filtered", "status": "active"}):
        assert "Filtered" in [worker["first_name"] for worker in admin.workers(**query)["items"]]
    assert admin.workers(position="packer", status="inactive")["total"] == 0
    assert admin.workers(position="astronaut")["items"] == []


def test_a_list_is_paged_newest_first_with_the_true_total(admin: Caller) -> None:
    names = [admin.registered(first_name=f"Paged {letter}", last_name="Row")["workerId"] for letter in "abcde"]
    pages = [admin.workers(q="paged", limit=2, page=page) for page in (1, 2, 3, 4)]
    assert [page["total"] for page in pages] == [5] * 4
    assert [worker["workerId"] for page in pages for worker in page["items"]] == names[::-1]
    assert pages[3]["items"] == []


@pytest.mark.parametrize("query", [{"limit": 101}, {"limit": 0}, {"page": 0}, {"page": "x"}, {"limit": "1.5"}])
def test_a_page_outside_its_bounds_is_400(admin: Caller, query: dict[str, Any]) -> None:
    refusal(admin.get("/api/control/workers", params={"auth0Id": demo.ADMIN} | query), 400, "invalid_value")


def test_a_page_far_beyond_the_last_is_empty(admin: Caller) -> None:
    far = admin.workers(page=999_999_999, limit=100)
    assert far["items"] == []
    assert far["total"] >= len(demo.CREW)


def test_the_caller_has_to_be_named_and_a_company_to_be_the_own(admin: Caller) -> None:
    refusal(admin.get("/api/control/workers"), 400, "missing_field")
    assert admin.workers(companyId=demo.COMPANY)["total"]
    for other in (demo.OTHER_COMPANY, "comp_of_nobody"):
        answer = admin.get("/api/control/workers", params={"auth0Id": demo.ADMIN, "companyId": other})
        refusal(answer, 403, "other_company")


def test_companies_number_their_own_workers(admin: Caller, neighbour: Caller) -> None:
    ours = admin.registered(first_name="Yara", last_name="Kim", hire_date="2025-01-31")
    theirs = neighbour.registered(first_name="Yuri", last_name="Kahn", hire_date="2025-01-31")
    assert ours["worker_id"] == theirs["worker_id"] == "YK0131"
    assert ours["workerId"] != theirs["workerId"]
    assert neighbour.worker("YK0131").json()["data"] == theirs
    refusal(neighbour.worker(ours["workerId"]), 404, "worker_not_found")


def test_a_stored_id_in_a_record_becomes_the_business_id(admin: Caller) -> None:
    worker = admin.registered(first_name="Stored", last_name="Id", hire_date="2025-01-02")
    session_id, stored_id = admin.opened(), worker["workerId"]
    record = admin.counted(session_id, "evt_1", workerId=stored_id)
    assert admin.record(record)["workerId"] == "SI0102"
    assert admin.count(session_id, "evt_1", workerId="SI0102").status_code == 200
    results = admin.bulk(
        {"sessionId": session_id, "workerId": stored_id, "clientEventId": "evt_2", "worker_name": "Stored Id"}
        | {"recordedAtUtc": "2025-10-19T14:30:00.000Z"}
    ).json()["results"]
    assert results[0]["payloadPreview"]["workerId"] == "SI0102"
    assert admin.knows(f"client:{session_id}:{stored_id}:evt_2")
    assert admin.knows(f"client:{session_id}:SI0102:evt_2")


def test_adding_a_worker_is_in_the_audit_log_once(server: RunningServer, supervisor: Caller) -> None:
    worker = supervisor.registered(first_name="Audited", last_name="Zeta", hire_date="2025-01-03")
    supervisor.register(first_name="Audited", last_name="Zeta", hire_date="2025-01-03")
    question = "select actor, action, before_digest, after_digest is not null from audit where subject = ?"
    assert read_store(server.data, question, subject=worker["worker_id"]) == [(demo.SUPERVISOR, "worker.add", None, 1)]


def test_the_demo_crew_has_the_ids_that_the_rules_make(admin: Caller) -> None:
    for member in demo.CREW:
        found = admin.worker(member.worker_id).json()["data"]
        assert (found["first_name"], found["last_name"]) == (member.first_name, member.last_name)
