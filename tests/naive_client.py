"""A client of the standard library alone that sends each count by itself: `python naive_client.py [SIN ...]`.

Without a sin it does what a client has to do. Each sin is one thing that naive clients do instead, and `certify` must
find it out. It runs as a process, and in a simulated field (`tests/unit/certify/field.py`).
"""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

ANSWER_S_MAX = 10
WAIT_S_FIRST, WAIT_S_MAX = 0.05, 0.4
TRIES_BEFORE_GIVING_UP = 4
AT_ONCE = 4
PASSING = (408, 425, 429, 500, 502, 503, 504)


class Sin(Enum):
    """What naive clients do. Each is found out by the check of the same line in `tests/unit/certify/test_checks.py`."""

    rounds_units = "rounds-units"
    new_event_after_loss = "new-event-after-loss"
    forgets_when_away = "forgets-when-away"
    takes_502_for_a_refusal = "takes-502-for-a-refusal"
    believes_any_200 = "believes-any-200"
    puts_failed_last = "puts-failed-last"
    sends_in_parallel = "sends-in-parallel"
    repeats_refused = "repeats-refused"
    stops_at_refused = "stops-at-refused"
    swallows_refused = "swallows-refused"
    ignores_retry_after = "ignores-retry-after"
    takes_401_for_a_refusal = "takes-401-for-a-refusal"
    marks_before_sending = "marks-before-sending"
    makes_own_events = "makes-own-events"
    gives_up = "gives-up"
    new_time_each_try = "new-time-each-try"
    believes_in_silence = "believes-in-silence"
    calls_on_without_token = "calls-on-without-token"
    reports_by_status = "reports-by-status"
    renames_refused = "renames-refused"
    ends_after_two = "ends-after-two"
    ends_badly_when_refused = "ends-badly-when-refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: Mapping[str, Any] | None
    """None where it is no JSON object."""
    retry_after_s: float | None


class World(Protocol):
    """What is outside of the client."""

    def post(self, body: Mapping[str, Any]) -> Answer | None:
        """None where the connection broke. Raises ConnectionRefusedError."""
        ...

    def sleep(self, seconds: float) -> None: ...

    def at_once(self, jobs: Iterable[Callable[[], None]]) -> None: ...

    def say(self, line: str) -> None: ...

    def done(self) -> set[str]: ...

    def mark(self, event_id: str) -> None: ...

    def unmark(self, event_id: str) -> None: ...

    def new_id(self) -> str: ...


class TokenRefused(Exception):
    """The token is not taken; its text is the event that was sent with it."""


class NaiveClient:
    """One start. `run` returns the exit status."""

    def __init__(self, world: World, user: str, session: str, counts: Iterable[dict[str, Any]], sins: set[Sin]) -> None:
        self._world, self._sins = world, sins
        self._counts = [self._as_said({"auth0Id": user, "sessionId": session, **count}) for count in counts]
        self._done = world.done()
        self._has_refused = False

    def run(self) -> int:
        left = [count for count in self._counts if count["clientEventId"] not in self._done]
        if Sin.ends_after_two in self._sins:
            left = left[:2]
        if Sin.makes_own_events in self._sins:
            left = [count | {"clientEventId": self._world.new_id()} for count in left]
        try:
            if Sin.sends_in_parallel in self._sins:
                self._world.at_once([lambda count=count: self._settle(count) for count in left])  # type: ignore[misc]
            else:
                self._send_all(left)
        except TokenRefused as e:
            self._world.unmark(str(e))
            return 1
        return int(self._has_refused and Sin.ends_badly_when_refused in self._sins)

    def _send_all(self, left: list[dict[str, Any]]) -> None:
        while left:
            count = left.pop(0)
            settled = self._settle(count)
            if settled is False:
                left.append(count)
            if settled is None:
                return

    def _as_said(self, count: dict[str, Any]) -> dict[str, Any]:
        return count | {"units": round(count["units"])} if Sin.rounds_units in self._sins else count

    def _settle(self, count: dict[str, Any]) -> bool | None:
        """True when the count has its outcome, False when others go first, None when nothing goes on."""
        own = count["clientEventId"]
        if Sin.marks_before_sending in self._sins:
            self._world.mark(own)
        tries = 0
        while True:
            try:
                answer = self._world.post(count)
            except ConnectionRefusedError:
                if Sin.forgets_when_away in self._sins:
                    return True
                self._pause(None, tries := tries + 1)
                continue
            if self._is_refusal(answer):
                return self._put_aside(count, answer)
            if answer is not None and answer.status == 401 and Sin.calls_on_without_token not in self._sins:
                raise TokenRefused(own)
            if self._is_success(answer):
                self._world.mark(own)
                return True
            tries += 1
            if Sin.gives_up in self._sins and tries == TRIES_BEFORE_GIVING_UP:
                return True
            self._pause(answer, tries)
            if Sin.puts_failed_last in self._sins:
                return False
            count = self._again(count, answer)

    def _is_success(self, answer: Answer | None) -> bool:
        if answer is None:
            return Sin.believes_in_silence in self._sins
        is_ours = answer.body is not None or Sin.believes_any_200 in self._sins
        return answer.status in (200, 201) and is_ours

    def _is_refusal(self, answer: Answer | None) -> bool:
        if answer is None:
            return False
        if answer.status == 401:
            return Sin.takes_401_for_a_refusal in self._sins
        if answer.status == 502:
            return Sin.takes_502_for_a_refusal in self._sins
        return answer.status >= 400 and answer.status not in PASSING

    def _put_aside(self, count: dict[str, Any], answer: Answer | None) -> bool | None:
        if Sin.repeats_refused in self._sins:
            self._world.post(count)
        if Sin.renames_refused in self._sins:
            self._world.post(count | {"clientEventId": self._world.new_id()})
        self._has_refused = True
        if Sin.swallows_refused not in self._sins:
            code = (answer.body or {}).get("code", "unknown") if answer else "unknown"
            if Sin.reports_by_status in self._sins and answer is not None:
                code = str(answer.status)
            self._world.say(json.dumps({"clientEventId": count["clientEventId"], "code": code}))
        self._world.mark(count["clientEventId"])
        return None if Sin.stops_at_refused in self._sins else True

    def _again(self, count: dict[str, Any], answer: Answer | None) -> dict[str, Any]:
        if answer is None and Sin.new_event_after_loss in self._sins:
            return count | {"clientEventId": self._world.new_id()}
        if Sin.new_time_each_try in self._sins:
            return count | {"recordedAtUtc": count["recordedAtUtc"][:-4] + "999Z"}
        return count

    def _pause(self, answer: Answer | None, tries: int) -> None:
        asked = answer.retry_after_s if answer else None
        wait_s = min(WAIT_S_MAX, WAIT_S_FIRST * 2 ** (tries - 1))
        self._world.sleep(wait_s if asked is None or Sin.ignores_retry_after in self._sins else asked)


class RealWorld:
    """A server, a disk and a clock."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = f"{url}/api/control/production/records", token
        self._file = Path("done.txt")
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def post(self, body: Mapping[str, Any]) -> Answer | None:
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        try:
            with self._opener.open(request, timeout=ANSWER_S_MAX) as response:
                return _answer(response.status, response.read(), response.headers.get("retry-after"))
        except urllib.error.HTTPError as e:
            with e:
                return _answer(e.code, e.read(), e.headers.get("retry-after"))
        except urllib.error.URLError as e:
            if isinstance(e.reason, ConnectionRefusedError):
                raise e.reason from e
            return None
        except (OSError, http.client.HTTPException):
            return None

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def at_once(self, jobs: Iterable[Callable[[], None]]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [pool.submit(job) for job in jobs]:
                done.result()

    def say(self, line: str) -> None:
        print(line, flush=True)

    def done(self) -> set[str]:
        return set(self._file.read_text().split()) if self._file.exists() else set()

    def mark(self, event_id: str) -> None:
        with self._file.open("a") as file:
            file.write(f"{event_id}\n")
            file.flush()
            os.fsync(file.fileno())

    def unmark(self, event_id: str) -> None:
        left = "".join(f"{each}\n" for each in self.done() - {event_id})
        self._file.write_text(left)

    def new_id(self) -> str:
        return str(uuid4())


def _answer(status: int, body: bytes, retry_after: str | None) -> Answer:
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    asked = float(retry_after) if retry_after and retry_after.isdigit() else None
    return Answer(status, told if isinstance(told, dict) else None, asked)


if __name__ == "__main__":
    given = [json.loads(line) for line in Path(os.environ["CERTIFY_COUNTS"]).read_text("utf-8").splitlines()]
    world = RealWorld(os.environ["CERTIFY_URL"], os.environ["CERTIFY_TOKEN"])
    client = NaiveClient(
        world, os.environ["CERTIFY_USER"], os.environ["CERTIFY_SESSION"], given, {Sin(word) for word in sys.argv[1:]}
    )
    sys.exit(client.run())
