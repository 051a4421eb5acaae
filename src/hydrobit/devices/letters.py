"""The rules of dead letters, as units: messages that were acknowledged and refused, kept until somebody saw to them."""

import re

from hydrobit.audit import service as audit
from hydrobit.audit.service import Author
from hydrobit.devices import store
from hydrobit.devices.store import KeptLetter
from hydrobit.errors import Code, Refused
from hydrobit.ledger import store as ledger
from hydrobit.operation import Letter
from hydrobit.storage.engine import Transaction

_LETTER_ID = re.compile(r"letter_([1-9][0-9]{0,8})", re.ASCII)
NOT_FINAL = (401, 403, 408, 429)
"""Statuses below 500 that pass by themselves, or once its sender may call again: such a letter waits on."""


def letter_id(letter_no: int) -> str:
    """The letterId of a letter."""
    return f"letter_{letter_no}"


def keep(tx: Transaction, letter: Letter, code: str, detail: str, request_id: str, now: int, letters_max: int) -> str:
    """Keeps a letter and returns its id. Where there is no more room, the oldest that was replayed makes way.

    Raises Refused, busy, where none was: a letter that nobody saw to is never thrown away.
    """
    ledger.lock_head(tx, letter.company)
    number = store.last_letter(tx, letter.company) + 1
    if store.count_letters(tx, letter.company) >= letters_max and not store.drop_oldest_replayed(tx, letter.company):
        raise Refused(Code.busy, f"The company has {letters_max} dead letters that nobody saw to; replay some.")
    store.add_letter(tx, number, letter, code, detail, request_id, now)
    return letter_id(number)


def require(tx: Transaction, company: int, name: str) -> tuple[KeptLetter, bytes]:
    """A letter, and what stands in it. Raises Refused, dead_letter_not_found."""
    match = _LETTER_ID.fullmatch(name)
    found = store.letter(tx, company, int(match[1])) if match else None
    if found is None:
        raise Refused(Code.dead_letter_not_found, f"There is no dead letter {name[:100]}.", field="letterId")
    return found


def is_final(status: int) -> bool:
    """Whether sending the same again would be answered the same."""
    return status < 500 and status not in NOT_FINAL


def settle(tx: Transaction, author: Author, name: str, status: int) -> KeptLetter:
    """The letter, replayed with the status that it got. Raises Refused, dead_letter_not_found."""
    ledger.lock_head(tx, author.company)
    before, _ = require(tx, author.company, name)
    store.mark_replayed(tx, author.company, before.letter_no, status, author.now)
    after, _ = require(tx, author.company, name)
    was = None if before.replay_status is None else {"replayStatus": before.replay_status}
    audit.record(tx, author, "dead-letter.replay", name, was, {"replayStatus": status})
    return after
