"""Finding records and reading them back, as units."""

import msgspec

from hydrobit.errors import Code, Refused
from hydrobit.kit import ids
from hydrobit.ledger import store as ledger
from hydrobit.ledger.entry import Entry, Kind
from hydrobit.records.reading import CLIENT_KEY, read_derived_key
from hydrobit.sessions import store as session_store
from hydrobit.storage.engine import Transaction
from hydrobit.workers.service import to_business_ids


class RecordView(msgspec.Struct, frozen=True):
    """A movement with what stands around it."""

    entry: Entry
    session_id: str
    worker_name: str | None
    void_of: str | None
    voided_by: str | None


def movement(tx: Transaction, company: int, record_id: str) -> Entry:
    """The count or void of that id. Raises Refused, record_not_found, also for another company's."""
    named = ids.read_record_id(record_id)
    entry = ledger.by_seq(tx, company, named[2]) if named else None
    if entry is None or entry.kind not in (Kind.record, Kind.void) or entry.public_id != record_id:
        raise Refused(Code.record_not_found, f"There is no record {record_id}.", field="recordId")
    return entry


def read_record(tx: Transaction, company: int, record_id: str) -> RecordView:
    """Any user of the company may read it. Raises Refused, record_not_found."""
    entry = movement(tx, company, record_id)
    session = session_store.by_no(tx, company, entry.session_no)
    assert session is not None, "a movement stands in a session"
    answered = ledger.by_seq(tx, company, entry.answers) if entry.answers is not None else None
    void = ledger.void_of(tx, company, entry.seq)
    return RecordView(
        entry=entry,
        session_id=session.session_id,
        worker_name=ledger.personal_text(tx, company, entry.name_digest),
        void_of=answered.public_id if answered else None,
        voided_by=void.public_id if void else None,
    )


def is_key_used(tx: Transaction, company: int, key: str) -> bool:
    """Whether a record of the company claimed the key: an own key, or the one derived from its event."""
    if not key.startswith(CLIENT_KEY):
        return ledger.by_key(tx, company, key) is not None
    parts = read_derived_key(key)
    session = session_store.by_id(tx, company, parts[0]) if parts else None
    if parts is None or session is None:
        return False
    _, worker_id, client_event_id = parts
    worker_id = to_business_ids(tx, company, frozenset({worker_id})).get(worker_id, worker_id)
    return ledger.by_event(tx, company, session.session_no, worker_id, client_event_id) is not None
