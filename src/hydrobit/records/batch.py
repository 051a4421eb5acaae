"""Judging and writing a batch of counts and voids in one transaction: the heart of the ledger's promise.

The order of the checks is the contract's: whether the caller may still call, replay, existence, ownership, state. The
usual batch holds nothing but new counts for open sessions: it is inserted whole, and only when a unique constraint
objects is it taken back and gone through one by one.
"""

from collections.abc import Callable, Sequence
from itertools import groupby

import msgspec

from hydrobit.errors import CallerChanged, Code, Duplicate, Refused
from hydrobit.kit import canonical, ids
from hydrobit.kit.amounts import amount_text, write_amount
from hydrobit.kit.instants import write_instant
from hydrobit.ledger import store as ledger
from hydrobit.ledger.entry import Entry, Head, Kind
from hydrobit.records import store
from hydrobit.records.reading import RecordDraft, VoidDraft
from hydrobit.records.service import movement
from hydrobit.records.store import Held
from hydrobit.sessions import service as sessions
from hydrobit.sessions import store as session_store
from hydrobit.sessions.store import Standing
from hydrobit.storage.engine import Transaction

Draft = RecordDraft | VoidDraft
NAMES_REMEMBERED_MAX = 100_000
RECORD = int(Kind.record)
SUM_MAX = 2**63 - 1
"""The greatest sum, in millionths, that the store can hold."""
Name = tuple[int, str, str]
"""Company, workerId, name."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """The movement that a draft became, or had become before (`replay`)."""

    record_id: str
    replay: bool


Outcome = Recorded | Refused | CallerChanged


class Written(msgspec.Struct, frozen=True):
    """One outcome per draft, in order, and the digests of names that this transaction stored."""

    outcomes: list[Outcome]
    names: dict[Name, bytes]


class RecordBatch:
    """Fits `ledger.append.WriteBatch`.

    Digests of names are remembered once their transaction is committed, and forgotten after `names_age_ms`, so that a
    name that another process erased is stored anew.
    """

    def __init__(self, random: Callable[[int], bytes], names_age_ms: int) -> None:
        self._random, self._names_age_ms = random, names_age_ms
        self._names: dict[Name, bytes] = {}
        self._names_since = 0

    def write(self, tx: Transaction, drafts: Sequence[Draft], now: int) -> Written:
        """One outcome per draft. It may run again after a conflict: nothing outside the transaction changes."""
        names = self._names if now - self._names_since < self._names_age_ms else {}
        written = Written([], {})
        companies = sorted({draft.company for draft in drafts})
        heads = {company: ledger.lock_head(tx, company) for company in companies}
        outcomes: dict[int, Outcome] = {}
        for company in companies:
            places = [place for place, draft in enumerate(drafts) if draft.company == company]
            part = _CompanyBatch(tx, heads[company], now, names, written.names, self._random)
            outcomes.update(zip(places, part.write([drafts[place] for place in places]), strict=True))
            ledger.move_head(tx, heads[company])
        written.outcomes.extend(outcomes[place] for place in range(len(drafts)))
        return written

    def committed(self, written: Written, now: int) -> None:
        if now - self._names_since >= self._names_age_ms or len(self._names) > NAMES_REMEMBERED_MAX:
            self._names = {}
            self._names_since = now
        self._names.update(written.names)


class _CompanyBatch:
    """One company's share of a batch, under its locked head."""

    def __init__(
        self,
        tx: Transaction,
        head: Head,
        now: int,
        names: dict[Name, bytes],
        new_names: dict[Name, bytes],
        random: Callable[[int], bytes],
    ) -> None:
        self._tx, self._head, self._now = tx, head, now
        self._names, self._new_names, self._random = names, new_names, random
        self._standings: dict[tuple[str, str], Standing | None] = {}
        self._must_be_known = store.refuses_unknown_workers(tx, head.company)

    def write(self, drafts: Sequence[Draft]) -> list[Outcome]:
        """One outcome per draft, as if each had come alone, in their order."""
        outcomes: list[Outcome] = []
        named = {(draft.session_id, draft.actor): None for draft in drafts if type(draft) is RecordDraft}
        self._standings = session_store.standings(self._tx, self._head.company, list(named), self._now) if named else {}
        for are_welcome, group in groupby(drafts, self._is_welcome):
            run = list(group)
            inserted = self._insert_all(run) if are_welcome else []
            outcomes += inserted or [self._one(draft) for draft in run]
        return outcomes

    def _is_welcome(self, draft: Draft) -> bool:
        """True for a count that only a known key could still keep out."""
        if type(draft) is not RecordDraft or self._must_be_known or self._is_changed(draft):
            return False
        standing = self._standing(draft)
        if standing is None or not standing.may_write or standing.has_held:
            return False
        return standing.ended_at(self._now) is None

    def _is_changed(self, draft: RecordDraft) -> bool:
        """True when rights in the company were changed since the caller's were looked up."""
        return draft.access_no is not None and draft.access_no != self._head.access_no

    def _standing(self, draft: RecordDraft) -> Standing | None:
        return self._standings[draft.session_id, draft.actor]

    def _insert_all(self, drafts: Sequence[Draft]) -> list[Recorded]:
        """Inserts all at once; nothing at all when one of them is known or repeated."""
        head = self._head
        if head.units + sum(draft.units for draft in drafts if type(draft) is RecordDraft) > SUM_MAX:
            return []  # one by one tells which of them is too much, and spares the others
        before, names_before = head.copy(), len(self._new_names)
        try:
            with self._tx.savepoint():
                ledger.insert(self._tx, [self._row(draft) for draft in drafts if type(draft) is RecordDraft])
        except Duplicate:
            head.seq, head.units, head.hash = before.seq, before.units, before.hash
            while len(self._new_names) > names_before:  # their texts were taken back too
                self._new_names.popitem()
            return []
        prefix = head.prefix
        return [Recorded(ids.record_id(prefix, seq), False) for seq in range(before.seq + 1, head.seq + 1)]

    def _one(self, draft: Draft) -> Outcome:
        try:
            return self._void(draft) if type(draft) is VoidDraft else self._record(draft)  # type: ignore[arg-type]
        except (Refused, CallerChanged) as refused:
            return refused

    def _record(self, draft: RecordDraft) -> Recorded:
        if self._is_changed(draft):
            raise CallerChanged
        standing = self._standing(draft)
        by_event, by_key = self._known(draft, standing)
        known = by_event or by_key
        if known is not None:
            self._require_same(draft, standing, known)
            if by_key is None and draft.idempotency_key is not None:
                self._claim_key(draft, draft.idempotency_key, known)
            return Recorded(known.public_id, True)
        if standing is None:
            raise sessions.not_found(draft.session_id)
        if not standing.may_write:
            raise Refused(Code.not_owner, "Only the user who opened the session may record in it.")
        ended_at = standing.ended_at(self._now)
        if ended_at is not None:
            raise self._after_close(draft, standing, ended_at)
        held = store.held_by_event(self._tx, draft, standing.session_no) if standing.has_held else None
        if held is not None:  # the session was opened again; what its phone was told of this event still holds
            self._require_same(draft, standing, held)
        self._refuse_unknown_worker(draft)
        self._refuse_used_device_seq(draft)
        if self._head.units + draft.units > SUM_MAX:
            raise Refused(Code.invalid_value, "units would overflow the company's sum.", field="units")
        ledger.insert(self._tx, [self._row(draft)])
        return Recorded(ids.record_id(self._head.prefix, self._head.seq), False)

    def _known(self, draft: RecordDraft, standing: Standing | None) -> tuple[Entry | None, Entry | None]:
        """The records that its event and its own key name. Raises Refused, idempotency_conflict, when they are two."""
        by_event = by_key = None
        if standing is not None:
            by_event = ledger.by_event(
                self._tx, draft.company, standing.session_no, draft.worker_id, draft.client_event_id
            )
        if draft.idempotency_key is not None:
            by_key = ledger.by_key(self._tx, draft.company, draft.idempotency_key)
        if by_event is not None and by_key is not None and by_event.seq != by_key.seq:
            raise Refused(
                Code.idempotency_conflict,
                f"clientEventId belongs to {by_event.public_id}, idempotencyKey to {by_key.public_id}.",
                existing=self._shown(by_key),
            )
        return by_event, by_key

    def _require_same(self, draft: RecordDraft, standing: Standing | None, stored: Entry | Held) -> None:
        """Raises Refused, idempotency_conflict, naming the fields that differ with both values."""
        is_same = (
            standing is not None
            and stored.session_no == standing.session_no
            and stored.worker_id == draft.worker_id
            and stored.client_event_id == draft.client_event_id
            and stored.units == draft.units
            and stored.recorded_at == draft.recorded_at
        )
        if is_same:
            return
        shown = self._shown(stored)
        pairs = {
            "sessionId": (shown["sessionId"], draft.session_id),
            "workerId": (stored.worker_id, draft.worker_id),
            "clientEventId": (stored.client_event_id, draft.client_event_id),
            "units": (amount_text(stored.units), amount_text(draft.units)),
            "recordedAtUtc": (shown["recordedAtUtc"], write_instant(draft.recorded_at)),
        }
        differing = [f"{name}: stored {old}, sent {new}" for name, (old, new) in pairs.items() if old != new]
        raise Refused(Code.idempotency_conflict, f"{'; '.join(differing)}.", existing=shown)

    def _shown(self, stored: Entry | Held) -> dict[str, object]:
        """A stored record or held count as the caller may see it."""
        session = session_store.by_no(self._tx, self._head.company, stored.session_no)
        return {
            "recordId" if isinstance(stored, Entry) else "heldId": stored.public_id,
            "sessionId": session.session_id if session else None,
            "workerId": stored.worker_id,
            "units": write_amount(stored.units),
            "recordedAtUtc": write_instant(stored.recorded_at),
            "clientEventId": stored.client_event_id,
        }

    def _claim_key(self, draft: RecordDraft, key: str, known: Entry) -> None:
        """A replay that brings an own key for the first time claims it, as an entry of its own."""
        row = self._head.next_row(
            Kind.key_claimed,
            known.session_no,
            actor=draft.actor,
            source=draft.source,
            recorded_at=draft.recorded_at,
            received_at=self._now,
            idempotency_key=key,
            answers=known.seq,
        )
        ledger.insert(self._tx, [row])

    def _after_close(self, draft: RecordDraft, standing: Standing, ended_at: int) -> Refused:
        """The refusal of a count for a closed session; work done before the close is held first."""
        if draft.recorded_at >= ended_at:
            return sessions.closed(ended_at, "the count was recorded after that")
        held = store.held_by_event(self._tx, draft, standing.session_no)
        if draft.idempotency_key is not None:
            held = held or store.held_by_key(self._tx, draft.company, draft.idempotency_key)
        if held is not None:
            self._require_same(draft, standing, held)
            public_id = held.public_id
        else:
            head = self._head
            head.held_number += 1
            store.insert_held(self._tx, draft, head.held_number, head.prefix, standing.session_no, self._now)
            public_id = ids.held_id(head.prefix, head.held_number)
        return sessions.closed(ended_at, "the count is held for review", held=True, heldId=public_id)

    def _refuse_unknown_worker(self, draft: RecordDraft) -> None:
        if self._must_be_known and not store.is_known_worker(self._tx, draft.company, draft.worker_id):
            raise Refused(Code.worker_not_found, f"There is no worker {draft.worker_id}.", field="workerId")

    def _refuse_used_device_seq(self, draft: RecordDraft) -> None:
        if draft.device_id is None or draft.device_seq is None:
            return
        other = ledger.by_device(self._tx, draft.company, draft.device_id, draft.device_seq)
        if other is not None:
            raise Refused(
                Code.device_seq_used,
                f"Device {draft.device_id} used deviceSeq {draft.device_seq} for {other.public_id}.",
                field="deviceSeq",
                existing=self._shown(other),
            )

    def _void(self, draft: VoidDraft) -> Recorded:
        entry = movement(self._tx, draft.company, draft.record_id)
        repeat = ledger.void_of(self._tx, draft.company, entry.seq)
        if repeat is not None:
            return Recorded(repeat.public_id, True)
        standing = session_store.standing_by_no(self._tx, draft.company, entry.session_no, draft.actor, self._now)
        if standing is None or not standing.may_write:
            raise Refused(Code.not_owner, "Only the user who opened the session may void its records.")
        if entry.kind == Kind.void:
            raise Refused(Code.record_is_void, f"{draft.record_id} is itself a void.", field="recordId")
        ended_at = standing.ended_at(self._now)
        if ended_at is not None:
            raise sessions.closed(ended_at, "its records stand")
        row = self._head.next_row(
            Kind.void,
            entry.session_no,
            worker_id=entry.worker_id,
            units=-entry.units,
            actor=draft.actor,
            source=draft.source,
            recorded_at=self._now,
            received_at=self._now,
            answers=entry.seq,
            name_digest=entry.name_digest,
            note_digest=ledger.add_personal(self._tx, draft.company, draft.salt, draft.reason),
        )
        ledger.insert(self._tx, [row])
        return Recorded(ids.void_id(self._head.prefix, self._head.seq), False)

    def _row(self, draft: RecordDraft) -> tuple[object, ...]:
        standing = self._standings[draft.session_id, draft.actor]
        assert standing is not None
        return self._head.next_row(
            RECORD,
            standing.session_no,
            draft.actor,
            draft.source,
            draft.recorded_at,
            self._now,
            draft.worker_id,
            draft.client_event_id,
            draft.idempotency_key,
            draft.units,
            self._names.get((draft.company, draft.worker_id, draft.worker_name)) or self._name_digest(draft),
            draft.sent_at,
            draft.device_id,
            draft.device_seq,
            None,
            None if draft.evidence is None else self._evidence_digest(draft),
        )

    def _name_digest(self, draft: RecordDraft) -> bytes:
        name = (draft.company, draft.worker_id, draft.worker_name)
        digest = self._new_names.get(name)
        if digest is None:
            digest = ledger.name_digest(self._tx, *name) or ledger.add_personal(
                self._tx, draft.company, self._random(canonical.SALT_BYTES), draft.worker_name, draft.worker_id
            )
            self._new_names[name] = digest
        return digest

    def _evidence_digest(self, draft: RecordDraft) -> bytes:
        assert draft.evidence is not None
        assert draft.salt is not None
        digest = canonical.salted_digest(draft.salt, draft.evidence)
        if ledger.personal_text(self._tx, draft.company, digest) is None:
            ledger.add_personal(self._tx, draft.company, draft.salt, draft.evidence)
        return digest
