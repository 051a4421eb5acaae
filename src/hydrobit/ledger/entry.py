"""What a ledger is made of: entries, their kinds and sources, and the head of a company's chain."""

from enum import IntEnum

import msgspec

from hydrobit.kit import ids
from hydrobit.kit.canonical import DIGEST_BYTES, chain

FORMAT = b"\x01"
"""Version of the canonical bytes below; a change of the columns or of their order is a new version."""
GENESIS = bytes(DIGEST_BYTES)
"""The link before the first entry of a company."""
SEQ_BITS = 40
"""Room for the seq inside an entry_id; the rest is the company's number."""
SYSTEM = "system"
"""The actor of what no user asked for."""


class Kind(IntEnum):
    """What an entry says; the numbers stand in the chain and never change."""

    record = 1
    void = 2
    session_opened = 3
    session_changed = 4
    session_closed = 5
    key_claimed = 6
    """A replay brought a further key for the record that it `answers`."""
    late = 7
    """Reserved: held work that was approved after its session's close."""
    adjustment = 8
    """Reserved: a correction by the payroll office."""
    restored = 9
    """The store was restored from a backup; from here on ids carry the entry's prefix."""
    session_described = 10
    """Lot, truck or qualities of a session's harvest; also after its close, for grading happens later."""


class Source(IntEnum):
    """The road by which an entry came."""

    http = 1
    bulk = 2
    mqtt = 3
    file = 4
    system = 5


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry as it stands in the ledger, all columns but its link, in the order that the chain takes them."""

    entry_id: int
    company: int
    seq: int
    prefix: int
    kind: int
    session_no: int
    worker_id: str | None
    client_event_id: str | None
    idempotency_key: str | None
    units: int
    recorded_at: int
    received_at: int
    actor: str
    source: int
    name_digest: bytes | None
    sent_at: int | None
    device_id: str | None
    device_seq: int | None
    answers: int | None
    note_digest: bytes | None
    facts: str | None

    @property
    def public_id(self) -> str:
        """The recordId under which a caller knows it."""
        make = ids.void_id if self.kind == Kind.void else ids.record_id
        return make(self.prefix, self.seq)


TEXTS_IN_FACTS = ("plateDigest", "driverDigest")
"""Members of the facts of a description that stand for a personal text, as hex digits."""


def text_digests(facts: str) -> list[bytes]:
    """The digests of personal texts that a description names. Raises ValueError where its facts cannot be read."""
    told = msgspec.json.decode(facts)
    return [bytes.fromhex(told[name]) for name in TEXTS_IN_FACTS if name in told]


def entry_id(company: int, seq: int) -> int:
    """The row's key: rows of a company stand together, in the order of seq."""
    return company << SEQ_BITS | seq


class Head:
    """The locked head of one company's ledger while a transaction writes under it.

    It moves with each row that `next_row` makes; the store hears of it by `store.move_head`.
    """

    __slots__ = ("access_no", "company", "hash", "held_number", "prefix", "seq", "units")

    def __init__(
        self, company: int, prefix: int, seq: int, held_number: int, units: int, hash: bytes, access_no: int = 0
    ) -> None:
        self.company = company
        self.prefix = prefix
        self.seq = seq
        self.held_number = held_number
        self.units = units
        self.hash = hash
        self.access_no = access_no

    def copy(self) -> "Head":
        return Head(self.company, self.prefix, self.seq, self.held_number, self.units, self.hash, self.access_no)

    def next_row(
        self,
        kind: int,
        session_no: int,
        actor: str,
        source: int,
        recorded_at: int,
        received_at: int,
        worker_id: str | None = None,
        client_event_id: str | None = None,
        idempotency_key: str | None = None,
        units: int = 0,
        name_digest: bytes | None = None,
        sent_at: int | None = None,
        device_id: str | None = None,
        device_seq: int | None = None,
        answers: int | None = None,
        note_digest: bytes | None = None,
        facts: str | None = None,
    ) -> tuple[object, ...]:
        """The next entry's row with its link at the end, in the table's order; moves the head over it."""
        self.seq = seq = self.seq + 1
        self.units += units
        company = self.company
        values = (
            company << SEQ_BITS | seq,
            company,
            seq,
            self.prefix,
            kind,
            session_no,
            worker_id,
            client_event_id,
            idempotency_key,
            units,
            recorded_at,
            received_at,
            actor,
            source,
            name_digest,
            sent_at,
            device_id,
            device_seq,
            answers,
            note_digest,
            facts,
        )
        self.hash = link = chain(self.hash, FORMAT, values)
        return (*values, link)
