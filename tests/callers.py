"""Who calls the API in tests, and the one place where every answer is held against the derived document."""

import itertools
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx

from hydrobit.catalog import OPERATIONS
from hydrobit.demo import company as demo
from hydrobit.identity import service as identity
from hydrobit.identity import store as identity_store
from hydrobit.kit.clock import SystemClock
from hydrobit.operation import Role
from hydrobit.publish.openapi import document
from hydrobit.storage.engine import Transaction
from hydrobit.storage.queries import Query
from tests import engines
from tests.answers import check_answer
from tests.servers import PRODUCTION, RunningServer, event, opening

Json = dict[str, Any]

VIEWER = "user_viewer_1"
NOBODY = "user_without_company"
DOCUMENT = document(OPERATIONS, "test")
SESSIONS, RECORDS = f"{PRODUCTION}/sessions", f"{PRODUCTION}/records"
PROJECTS, ADMIN_PROJECTS = "/api/control/projects", "/api/control/admin/projects"
ADMIN_USERS = "/api/control/admin/users"
WORKERS = "/api/control/workers"
FORMS, FORM_RECORD = "/api/control/forms/getForms", "/api/control/forms/record"
ADMIN_FORMS = "/api/control/admin/forms"
BULK, CHECK_KEY = f"{RECORDS}/bulk", f"{RECORDS}/check-idempotency"
ANSWER_S_MAX = 30

_days = itertools.count()
_forms = itertools.count(1)


class Caller(httpx.Client):
    """A client of one user. An answer that the derived document does not describe raises AssertionError."""

    def __init__(self, server: RunningServer, user: str = demo.ADMIN, *, token: str | None = None) -> None:
        super().__init__(
            base_url=server.address,
            headers={"authorization": f"Bearer {token or server.token(user)}", **server.headers},
            event_hooks={"response": [checked]},
            timeout=ANSWER_S_MAX,
            trust_env=False,
            verify=False,  # loopback speaks plain HTTP; reading certificates for each caller costs most of the time
        )
        self.user = user

    def open(self, **changes: Any) -> httpx.Response:
        """Opens a session; without `day`, on a day that no other test uses."""
        return self.post(SESSIONS, json=opening(**{"day": fresh_day(), "auth0Id": self.user} | changes))

    def opened(self, **changes: Any) -> str:
        """Opens a session and returns its id."""
        answer = self.open(**changes)
        assert answer.status_code == 201, answer.text
        session_id: str = answer.json()["data"]["sessionId"]
        return session_id

    def session(self, session_id: str) -> Json:
        """The session as its owner reads it."""
        answer = self.get(f"{SESSIONS}/{session_id}")
        assert answer.status_code == 200, answer.text
        data: Json = answer.json()["data"]
        return data

    def change(self, session_id: str, **body: Any) -> httpx.Response:
        return self.patch(f"{SESSIONS}/{session_id}", json={"auth0Id": self.user} | body)

    def extend(self, session_id: str, hours: object) -> httpx.Response:
        body = {"auth0Id": self.user, "maxDurationHours": hours}
        return self.post(f"{SESSIONS}/{session_id}/extend", json=body)

    def close_session(self, session_id: str, **body: Any) -> httpx.Response:
        return self.post(f"{SESSIONS}/{session_id}/close", json=body)

    def count(self, session_id: str, client_event_id: str, **changes: Any) -> httpx.Response:
        """Sends one count."""
        return self.post(RECORDS, json=event(session_id, client_event_id, **{"auth0Id": self.user} | changes))

    def counted(self, session_id: str, client_event_id: str, **changes: Any) -> str:
        """Sends one count that must be new, and returns its recordId."""
        answer = self.count(session_id, client_event_id, **changes)
        assert answer.status_code == 201, answer.text
        return record_id(answer)

    def bulk(self, *elements: Any, **changes: Any) -> httpx.Response:
        return self.post(BULK, json={"auth0Id": self.user, "records": list(elements)} | changes)

    def record(self, record: str) -> Json:
        """The record as any user of the company reads it."""
        answer = self.get(f"{RECORDS}/{record}")
        assert answer.status_code == 200, answer.text
        data: Json = answer.json()["data"]
        return data

    def void(self, record: str, reason: str = "Duplicate entry") -> httpx.Response:
        return self.post(f"{RECORDS}/{record}/void", json={"auth0Id": self.user, "reason": reason})

    def register(self, **changes: Any) -> httpx.Response:
        """Adds a worker to the register."""
        return self.post(WORKERS, json=person(**{"auth0Id": self.user} | changes))

    def registered(self, **changes: Any) -> Json:
        """Adds a worker who must be new, and returns the worker."""
        answer = self.register(**changes)
        assert answer.status_code == 201, answer.text
        data: Json = answer.json()["data"]
        return data

    def workers(self, **query: Any) -> Json:
        """A page of the register."""
        answer = self.get(WORKERS, params={"auth0Id": self.user} | query)
        assert answer.status_code == 200, answer.text
        data: Json = answer.json()["data"]
        return data

    def worker(self, name: str) -> httpx.Response:
        return self.get(f"{WORKERS}/{name}", params={"auth0Id": self.user})

    def add_form(self, *asked: Json, **changes: Any) -> str:
        """Adds a form of these fields under an id that no other test uses, and returns the id."""
        form_id = f"form_{next(_forms)}"
        definition = {"_id": form_id, "name": form_id, "type": "inspection", "fields": list(asked)} | changes
        answer = self.post(ADMIN_FORMS, json={"definition": definition})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"]["formId"])

    def submit(self, form: str, answers: Json | None = None, /, **changes: Any) -> httpx.Response:
        """Hands in a filled form; `answers` are values by the names of their fields."""
        values = [{"field": name, "value": value} for name, value in (answers or {}).items()]
        record = {"_id": form, "auth0Id": self.user, "type": "inspection", "form_values": values} | changes
        return self.post(FORM_RECORD, json={"record": record})

    def submitted(self, form: str, answers: Json | None = None, /, **changes: Any) -> Json:
        """Hands in a filled form that must be new, and returns the answer."""
        answer = self.submit(form, answers, **changes)
        assert answer.status_code == 201, answer.text
        body: Json = answer.json()
        return body

    def form_records(self, form_id: str, **query: Any) -> list[Json]:
        """What was handed in, latest first."""
        answer = self.get(f"{ADMIN_FORMS}/{form_id}/records", params=query)
        assert answer.status_code == 200, answer.text
        items: list[Json] = answer.json()["data"]["items"]
        return items

    def knows(self, key: str) -> bool:
        """Whether the key was used, as the HEAD check tells it."""
        answer = self.head(CHECK_KEY, params={"key": key})
        assert answer.status_code in (200, 404), answer.status_code
        return answer.status_code == 200


def checked(response: httpx.Response) -> None:
    """Raises AssertionError unless the derived document describes the answer."""
    response.read()
    request, path = response.request, response.request.url.path
    if path.startswith("/api/") and request.method != "OPTIONS":
        path = path.removesuffix("/")
        check_answer(DOCUMENT, request.method, path, response.status_code, response.headers, response.content)


def refusal(answer: httpx.Response, status: int, code: str) -> Json:
    """The error body of a refusal; fails unless it is the expected one."""
    body: Json = answer.json()
    assert (answer.status_code, body.get("code")) == (status, code), answer.text
    return body


def record_id(answer: httpx.Response) -> str:
    """The id in the answer to a count or a void."""
    found: str = answer.json()["data"]["payloadPreview"]["recordId"]
    return found


def bulk_codes(answer: httpx.Response) -> list[tuple[int, str | None]]:
    """Status and code of every element of a bulk answer, in order."""
    assert answer.status_code == 207, answer.text
    return [(result["statusCode"], result.get("code")) for result in answer.json()["results"]]


def person(**changes: Any) -> Json:
    """The body that adds a worker."""
    return {
        "auth0Id": demo.ADMIN,
        "first_name": "John",
        "last_name": "Smith",
        "position": "field_worker",
        "employment_type": "full_time",
        "hire_date": "2025-03-15",
    } | changes


def element(session_id: str, client_event_id: str, **changes: Any) -> Json:
    """One element of a bulk call: a count without its user."""
    body = event(session_id, client_event_id) | changes
    return body if "auth0Id" in changes else {name: body[name] for name in body if name != "auth0Id"}


def fresh_day() -> str:
    """A past day that no other test of this run opens a session on; there are 20,000 of them."""
    return (date(1971, 1, 1) + timedelta(days=next(_days))).isoformat()


def add_people(data: Path) -> None:
    """Adds those whom the demo lacks: a viewer of its company, and a user without a company."""
    now = SystemClock().now()

    def add(tx: Transaction) -> None:
        company = identity_store.company_number(tx, demo.COMPANY)
        identity.add_user(tx, VIEWER, company, "A Viewer", None, Role.viewer, now)
        identity.add_user(tx, NOBODY, None, "A Passer-by", None, Role.admin, now)

    with engines.opened(data) as store:
        store.write(add)


def change_store(data: Path, statement: str, **values: object) -> None:
    """Runs a statement on a store beside its server, for what no operation and no command sets yet."""
    query = Query("by_hand", statement, tuple(values))
    with engines.opened(data) as store:
        store.write(lambda tx: tx.run(query, **values))


def read_store(data: Path, question: str, **values: object) -> list[tuple[Any, ...]]:
    """The rows that a question to a store finds, beside its server; values stand in the order of the marks."""
    query = Query("by_hand", question, tuple(values))
    with engines.opened(data) as store:
        return store.read(lambda tx: tx.all(query, **values))
