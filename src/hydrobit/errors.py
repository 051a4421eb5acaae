"""Every error of the house, and the one catalogue of the codes that a caller can meet.

    HydrobitError
    ├── Refused           the caller gets an answer with a code from the catalogue
    ├── SettingError      a setting or flag is wrong; the start stops with the sentence
    ├── StoreError        the store cannot be used as it is
    │   ├── StoreBusy         another process holds it; passes by itself
    │   ├── StoreAway         its database cannot be reached; passes by itself
    │   ├── StoreInUse        another server owns the directory
    │   ├── StoreMoved        it was copied elsewhere, or a copy into it is not whole
    │   └── StoreTooNew       written by a newer release
    ├── CallerChanged     who calls may have lost the right to; the dispatcher looks again and repeats the call
    ├── Duplicate         a unique constraint refused a row (raised by storage, answered by the ledger)
    ├── LedgerBroken      `verify` found an entry, key, sum or head that does not fit
    ├── Malformed         a peer's bytes are not MQTT as specified (in `transport.mqtt.fields`)
    ├── Declined          a server refused a call of the client for good (this and what follows: in `client.failures`)
    ├── Unanswered        nobody answered the client
    ├── OutboxError       the client's outbox cannot be used
    │   ├── NotKept           what was handed in is not on the disk
    │   └── OutboxInUse       another process sends it
    ├── TransportMissing  a package is not installed that the client's way to the server needs
    ├── DemoFailed        the demo's own server did not answer as it should (in `morning.api`)
    └── SpaceFailed       the mock that a client is graded beside did not answer as it should (in `certify.spaces`)

Status and MQTT reason stand here and nowhere else.
"""

from dataclasses import dataclass
from enum import StrEnum


class HydrobitError(Exception):
    """Root of all errors that this package raises on purpose."""


class SettingError(HydrobitError):
    """A setting that cannot be used; the text says which and what would do."""


class StoreError(HydrobitError):
    """The store cannot be used; the text says why and what to do."""


class StoreBusy(StoreError):
    """Another process holds the store's write lock; the same call may succeed a moment later."""


class StoreAway(StoreError):
    """The database that holds the store cannot be reached, or was lost on the way; whoever waits for it may be told."""


class StoreInUse(StoreError):
    """Another server runs on this data directory."""


class StoreMoved(StoreError):
    """The store was moved elsewhere, or a copy into it is not whole; the text says where to go on."""

    def __init__(
        self,
        text: str = "the store was moved elsewhere by `hydrobit copy`: start on the copy, or open this one again by "
        "`hydrobit copy --give-up --from ...`",
    ) -> None:
        super().__init__(text)


class StoreTooNew(StoreError):
    """The store was written by a newer release than this one."""


class CallerChanged(HydrobitError):
    """Rights in the caller's company were changed since the caller's were looked up; nothing was written."""


class Duplicate(HydrobitError):
    """A row broke a unique constraint."""


class LedgerBroken(HydrobitError):
    """The ledger does not verify; the text names the first bad number."""


class Code(StrEnum):
    """Stable words for machines; clients branch on them."""

    invalid_json = "invalid_json"
    missing_field = "missing_field"
    wrong_type = "wrong_type"
    invalid_value = "invalid_value"
    unchangeable_field = "unchangeable_field"
    nothing_to_change = "nothing_to_change"
    too_many_records = "too_many_records"
    clock_ahead = "clock_ahead"
    token_missing = "token_missing"
    token_invalid = "token_invalid"
    token_expired = "token_expired"
    caller_mismatch = "caller_mismatch"
    no_company = "no_company"
    other_company = "other_company"
    role_forbidden = "role_forbidden"
    not_of_company = "not_of_company"
    not_owner = "not_owner"
    device_mismatch = "device_mismatch"
    unknown_path = "unknown_path"
    project_not_found = "project_not_found"
    sector_not_found = "sector_not_found"
    session_not_found = "session_not_found"
    record_not_found = "record_not_found"
    worker_not_found = "worker_not_found"
    key_not_used = "key_not_used"
    user_not_found = "user_not_found"
    company_key_not_found = "company_key_not_found"
    form_not_found = "form_not_found"
    task_not_found = "task_not_found"
    device_not_found = "device_not_found"
    dead_letter_not_found = "dead_letter_not_found"
    method_not_allowed = "method_not_allowed"
    slow_request = "slow_request"
    session_already_open = "session_already_open"
    session_closed = "session_closed"
    session_over = "session_over"
    idempotency_conflict = "idempotency_conflict"
    record_is_void = "record_is_void"
    device_seq_used = "device_seq_used"
    id_taken = "id_taken"
    name_taken = "name_taken"
    own_rights = "own_rights"
    last_admin = "last_admin"
    form_disabled = "form_disabled"
    task_done = "task_done"
    body_too_large = "body_too_large"
    unsupported_content_type = "unsupported_content_type"
    headers_too_large = "headers_too_large"
    internal = "internal"
    busy = "busy"
    too_many_connections = "too_many_connections"
    mock_space_full = "mock_space_full"
    unavailable = "unavailable"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says: HTTP status, MQTT 5 reason code, the sentence for a person, and what the caller should do."""

    status: int
    mqtt_reason: int
    message: str
    remedy: str


_NOT_AUTHORIZED, _FORMAT, _TOPIC, _QUOTA, _BUSY = 0x87, 0x99, 0x90, 0x97, 0x89
_SPECIFIC, _UNSPECIFIED = 0x83, 0x80

CATALOGUE: dict[Code, Meaning] = {
    Code.invalid_json: Meaning(400, _FORMAT, "The body is not valid JSON.", "Send UTF-8 JSON."),
    Code.missing_field: Meaning(400, _FORMAT, "A required field is missing.", "Send the field that is named."),
    Code.wrong_type: Meaning(400, _FORMAT, "A field has the wrong type.", "Send the type that is named."),
    Code.invalid_value: Meaning(400, _FORMAT, "A field has a value that cannot be used.", "Correct the named field."),
    Code.unchangeable_field: Meaning(400, _FORMAT, "This field cannot be changed.", "Leave the named field out."),
    Code.nothing_to_change: Meaning(
        400, _FORMAT, "The request changes nothing.", "Send at least one changeable field."
    ),
    Code.too_many_records: Meaning(400, _FORMAT, "The list holds too many records.", "Send it in several calls."),
    Code.clock_ahead: Meaning(
        400, _FORMAT, "The time lies too far in the future.", "Set the device's clock by `serverTime` and send again."
    ),
    Code.token_missing: Meaning(401, _NOT_AUTHORIZED, "A bearer token is needed.", "Send one Authorization header."),
    Code.token_invalid: Meaning(401, _NOT_AUTHORIZED, "The bearer token is not valid.", "Fetch a new token."),
    Code.token_expired: Meaning(401, _NOT_AUTHORIZED, "The bearer token has expired.", "Fetch a new token."),
    Code.caller_mismatch: Meaning(
        403, _NOT_AUTHORIZED, "The request names another user than the token.", "Send the token's own user as auth0Id."
    ),
    Code.no_company: Meaning(403, _NOT_AUTHORIZED, "The user belongs to no company.", "Ask an administrator."),
    Code.other_company: Meaning(403, _NOT_AUTHORIZED, "The company is not the caller's.", "Send your own companyId."),
    Code.role_forbidden: Meaning(
        403, _NOT_AUTHORIZED, "The caller's role or scopes do not allow this.", "Ask an administrator."
    ),
    Code.not_of_company: Meaning(
        403,
        _NOT_AUTHORIZED,
        "The project or sector is not one of the caller's company.",
        "Check projectId and sectorId, or leave them out.",
    ),
    Code.not_owner: Meaning(403, _NOT_AUTHORIZED, "Only the session's owner may do this.", "Use the owner's account."),
    Code.device_mismatch: Meaning(
        403,
        _NOT_AUTHORIZED,
        "The request names another device than the token.",
        "Leave deviceId out, or send the token's own.",
    ),
    Code.unknown_path: Meaning(404, _TOPIC, "There is nothing at this path.", "Compare the path with /openapi.json."),
    Code.project_not_found: Meaning(404, _SPECIFIC, "There is no such project.", "Check projectId."),
    Code.sector_not_found: Meaning(404, _SPECIFIC, "There is no such sector in the project.", "Check sectorId."),
    Code.session_not_found: Meaning(404, _SPECIFIC, "There is no such session.", "Check sessionId."),
    Code.record_not_found: Meaning(404, _SPECIFIC, "There is no such record.", "Check recordId."),
    Code.worker_not_found: Meaning(
        404, _SPECIFIC, "The worker is not in the company's register.", "Register the worker, then send again."
    ),
    Code.key_not_used: Meaning(404, _SPECIFIC, "The key has not been used.", "Send the record."),
    Code.user_not_found: Meaning(404, _SPECIFIC, "There is no such user in the company.", "Check userId."),
    Code.company_key_not_found: Meaning(404, _SPECIFIC, "The company has no such key.", "Check keyId."),
    Code.form_not_found: Meaning(404, _SPECIFIC, "There is no such form.", "Fetch the forms anew."),
    Code.task_not_found: Meaning(404, _SPECIFIC, "There is no such task.", "Check taskId."),
    Code.device_not_found: Meaning(
        404, _SPECIFIC, "There is no such device in use.", "Check deviceId, or ask an administrator to add the device."
    ),
    Code.dead_letter_not_found: Meaning(404, _SPECIFIC, "There is no such dead letter.", "Check letterId."),
    Code.method_not_allowed: Meaning(405, _TOPIC, "The path does not take this method.", "Use a method from Allow."),
    Code.slow_request: Meaning(408, _BUSY, "The request did not arrive in time.", "Send it again."),
    Code.session_already_open: Meaning(
        409, _SPECIFIC, "A session is already open for this project, day and sector.", "Use or close that session."
    ),
    Code.session_closed: Meaning(
        409,
        _SPECIFIC,
        "The session is closed.",
        "With `held: true` the record is kept for review; else stop sending it.",
    ),
    Code.session_over: Meaning(
        409,
        _SPECIFIC,
        "The new length does not make the session longer.",
        "Send a longer length that ends in the future.",
    ),
    Code.idempotency_conflict: Meaning(
        409, _SPECIFIC, "The key was used before with other content.", "Do not repeat; compare with `existing`."
    ),
    Code.record_is_void: Meaning(409, _SPECIFIC, "The record is itself a void.", "Record the units anew instead."),
    Code.device_seq_used: Meaning(
        409, _SPECIFIC, "The device used this deviceSeq for another record.", "Give the event the device's next number."
    ),
    Code.id_taken: Meaning(
        409, _SPECIFIC, "The id belongs to another one already.", "Choose another id, or change the one that has it."
    ),
    Code.name_taken: Meaning(409, _SPECIFIC, "The name is taken.", "Choose another name."),
    Code.own_rights: Meaning(409, _SPECIFIC, "Nobody takes their own rights.", "Ask another admin."),
    Code.last_admin: Meaning(
        409, _SPECIFIC, "The company would be left without an active admin.", "Make another admin first."
    ),
    Code.form_disabled: Meaning(
        409, _SPECIFIC, "The form takes no more records.", "Keep what was filled in, and ask an administrator."
    ),
    Code.task_done: Meaning(409, _SPECIFIC, "The task is done.", "Leave it; its record stays."),
    Code.body_too_large: Meaning(413, _QUOTA, "The body is too large.", "Send less in one call."),
    Code.unsupported_content_type: Meaning(
        415, _FORMAT, "The body's type or coding is not supported.", "Send application/json, plain or gzip."
    ),
    Code.headers_too_large: Meaning(431, _QUOTA, "The request's head is too large.", "Send fewer or shorter headers."),
    Code.internal: Meaning(500, _UNSPECIFIED, "The server failed.", "Send the same call again; report the requestId."),
    Code.busy: Meaning(503, _BUSY, "The server is busy.", "Send the same call again after Retry-After seconds."),
    Code.too_many_connections: Meaning(503, _BUSY, "The server has too many connections.", "Try again later."),
    Code.mock_space_full: Meaning(
        507, _QUOTA, "The space of the mock server is full.", "Go on in a new one, with another x-mock-space."
    ),
    Code.unavailable: Meaning(
        503, _BUSY, "Something that the server needs cannot be reached.", "Send the same call again after Retry-After."
    ),
}


class Refused(HydrobitError):
    """The request is answered with an error: `detail` names the field, the value and what to do.

    `extra` holds further members of the error body: existing, held, heldId, serverTime, field.
    """

    def __init__(self, code: Code, detail: str, **extra: object) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.extra = extra

    @property
    def status(self) -> int:
        return CATALOGUE[self.code].status
