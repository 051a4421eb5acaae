"""What a space begins with: the demo companies, and all that the examples of the rows name.

The ids of the published examples are true ones: a session's says when it was opened, and each its place in the ledger.
So the ledger's head is moved to those places, and goes on from there.
"""

from collections.abc import Callable
from typing import Any

from hydrobit.audit.service import OPERATOR, Author
from hydrobit.company_keys import reading as key_reading
from hydrobit.company_keys import secret
from hydrobit.company_keys import service as company_keys
from hydrobit.demo import company as demo
from hydrobit.devices import letters
from hydrobit.devices import readings as device_readings
from hydrobit.devices import service as devices
from hydrobit.devices.reading import DeviceWish
from hydrobit.devices.store import Reading
from hydrobit.forms import answers, definition, submissions, tasks
from hydrobit.forms import files as form_files
from hydrobit.forms import reading as form_reading
from hydrobit.forms import service as forms
from hydrobit.identity import service as identity
from hydrobit.identity.own_keys import settle
from hydrobit.kit.amounts import MILLION
from hydrobit.kit.instants import read_instant
from hydrobit.ledger import store as ledger
from hydrobit.operation import Caller, Letter, Role, Scope, Source
from hydrobit.records.batch import RecordBatch
from hydrobit.records.reading import RecordDraft
from hydrobit.sessions import service as sessions
from hydrobit.sessions.reading import Opening
from hydrobit.settings import Settings
from hydrobit.storage import directory
from hydrobit.storage.engine import Transaction
from hydrobit.storage.memory import MemoryStore
from hydrobit.wire.envelope import encode
from hydrobit.wire.forms import SubmissionBody

COMPANY_NO = 1
DEVICE = "bitRTU-01"
TASK, KEY_ID = "task_1f2e3d4c5b6a7980", "1f2e3d4c5b6a7980"
LETTERS = 17
SESSION_PREFIX, SESSION_SEQ = 0xC9D8E2A4, 0xB1F9C3D5
SESSION_OPENED_AT = read_instant("2023-09-18T06:44:51.000Z")
"""Of 6507f1e3c9d8e2a4b1f9c3d5, whose first eight digits are this second."""
RECORD_PREFIX, RECORD_SEQ = 0x12345678, 0x90ABCDEF
RECORD_EVENT = "evt_of_the_space"
"""Of rec_1234567890abcdef; that of the published call is free, so that it is answered 201."""
RECORDED_AT = read_instant("2025-10-19T14:30:00.000Z")
READ_AT = "2025-10-05T{hour:02}:00:00.000Z"
MORNING = range(12, 18)
"""Hours (UTC) of the morning of which there are readings and observations."""


def image(settings: Settings, now: int, random: Callable[[int], bytes]) -> bytes:
    """A database with all that belongs to nobody in particular. Takes some tenths of a second."""
    store = MemoryStore()
    try:
        store.write(directory.bring_up, now)
        store.write(demo.add_demo, now, random)
        settle(store, directory.signing_key(settings), now, is_alone=True)
        store.write(_add_examples, now, random)
        return store.image()
    finally:
        store.close()


def welcome(tx: Transaction, caller: Caller, now: int, random: Callable[[int], bytes]) -> None:
    """Opens the published session for the user who comes first to a space, with the published record in it."""
    _go_to(tx, caller.company, SESSION_PREFIX, SESSION_SEQ, now)
    opening = Opening(
        demo.PROJECT, "sector_001", demo.SECTORS["sector_001"], SESSION_OPENED_AT, None, None, None, None, None, None
    )
    view, _ = sessions.open_session(tx, caller, opening, Source.http, now, random(16))
    _go_to(tx, caller.company, RECORD_PREFIX, RECORD_SEQ, now)
    picker = demo.CREW[0]
    counted = RecordDraft(
        caller.company,
        caller.user_id,
        Source.http,
        view.session.session_id,
        picker.worker_id,
        picker.name,
        RECORD_EVENT,
        None,
        5 * MILLION,
        RECORDED_AT,
        None,
        None,
        None,
        None,
        None,
    )
    RecordBatch(random, 0).write(tx, [counted], now)


def calling(tx: Transaction, user_id: str, now: int) -> Caller:
    """Who calls as this user: with the rights that the user has; one who is not known becomes an admin.

    Raises Refused, no_company, for one who was disabled.
    """
    found = identity.as_user(tx, user_id)
    if found is not None:
        return found
    identity.add_user(tx, user_id, COMPANY_NO, user_id, None, Role.admin, now)
    return identity.acting(tx, COMPANY_NO, user_id, None)


def _go_to(tx: Transaction, company: int, prefix: int, seq: int, now: int) -> None:
    """Makes the next entry's id that of the prefix and the number."""
    head = ledger.lock_head(tx, company)
    head.seq = seq - 2
    ledger.move_head(tx, head)
    ledger.begin_life(tx, company, prefix, now)


def _add_examples(tx: Transaction, now: int, random: Callable[[int], bytes]) -> None:
    author = Author(COMPANY_NO, OPERATOR, now, random)
    _add_device(tx, author)
    forms.change_form(tx, author, demo.FORM, _task_form(), None)
    tasks.assign(tx, author, demo.FORM, form_reading.Wish(demo.SUPERVISOR, "Look at the pond", None, TASK))
    _add_observations(tx, now, random)
    wish = key_reading.Wish("Office", frozenset({Scope.read_production}), None)
    company_keys.add_key(tx, author, _key(random), wish)
    letter = Letter(COMPANY_NO, demo.ADMIN, DEVICE, "scale-1", "control/production/records", b'{"units": 1}')
    for number in range(LETTERS):
        detail = "sessionId is required."
        letters.keep(tx, letter, "missing_field", detail, f"mock-{number + 1}", now, LETTERS)


def _add_device(tx: Transaction, author: Author) -> None:
    wish = DeviceWish(DEVICE, demo.PROJECT, "Weather station at the pond")
    devices.add_device(tx, author, demo.COMPANY, wish)
    for kind in ("weather", "plant", "irrigation"):
        read = [
            Reading(
                read_instant(READ_AT.format(hour=hour)), author.now, f'{{"humidity":{80 - hour},"temperature":{hour}}}'
            )
            for hour in MORNING
        ]
        device_readings.add_readings(tx, COMPANY_NO, DEVICE, kind, read)


def _task_form() -> definition.Definition:
    """The published form, which can be assigned as a task too."""
    name = "inspection.yaml"
    told: Any = form_files.read(name, demo.ranch_file("forms", name))[0]
    return definition.read({**told, "subtype": definition.TASKS})


def _add_observations(tx: Transaction, now: int, random: Callable[[int], bytes]) -> None:
    """What was seen in the lot of the published position."""
    caller = identity.acting(tx, COMPANY_NO, demo.ADMIN, None)
    for hour in MORNING:
        record = {
            "_id": demo.FORM,
            "auth0Id": demo.ADMIN,
            "type": "inspection",
            "latitude": 19.4326,
            "longitude": -99.1332,
            "form_values": [{"field": "aphids", "value": {"value": hour, "severity": hour % 5}}],
            "inicio": READ_AT.format(hour=hour),
            "segundos": 120,
            "clientEventId": f"evt_of_the_space_{hour}",
        }
        body, _ = SubmissionBody(random).decode(encode({"record": record}))
        filled = form_reading.filled(body, now, Settings().clock_ahead_hours_max)
        looked = submissions.look(tx, caller, filled)
        assert isinstance(looked, submissions.Judged), "each of them is handed in once"
        checked = answers.check(looked.form.definition, filled)
        submissions.hand_in(tx, caller, filled, looked.form.version, checked, checked.values, now)


def _key(random: Callable[[int], bytes]) -> secret.NewKey:
    """A key under the published id, whose token nobody knows."""
    ids = iter([bytes.fromhex(KEY_ID)])
    return secret.make(lambda length: next(ids, None) or random(length))
