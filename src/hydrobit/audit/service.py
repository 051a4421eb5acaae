"""Writing the audit log, in the transaction of the change itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from hydrobit.audit import store
from hydrobit.kit import canonical
from hydrobit.ledger import store as ledger
from hydrobit.storage.engine import Transaction

OPERATOR = "operator"
"""Who acts at the command line of the server's own machine."""


def record(
    tx: Transaction,
    company: int,
    actor: str,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    now: int,
    random: Callable[[int], bytes],
) -> None:
    """Appends what was changed: `action` is a word such as `worker.add`, `subject` the id of what was changed.

    `before` and `after` may name persons, so they stand in `personal` and may be erased there; the line stays.
    """
    ledger.lock_head(tx, company)  # one order for all changes of a company
    first = store.next_number(tx, company)
    write(tx, company, prepare(company, first, actor, action, [(subject, before, after)], now, random))


class Lines(msgspec.Struct, frozen=True):
    """Lines of the log that are ready to be written, the first with the number `first`, and the texts behind them."""

    first: int
    lines: list[tuple[object, ...]]
    texts: list[tuple[bytes, bytes, str]]


def next_number(tx: Transaction, company: int) -> int:
    """The number of the next line; only whoever holds the head of the company may rely on it."""
    return store.next_number(tx, company)


def prepare(
    company: int,
    first: int,
    actor: str,
    action: str,
    changes: Sequence[tuple[str, Mapping[str, Any] | None, Mapping[str, Any] | None]],
    now: int,
    random: Callable[[int], bytes],
) -> Lines:
    """A line for each subject, before and after, of one action, as `record` would write them. Touches no store."""
    prepared = Lines(first, [], [])
    for number, (subject, before, after) in enumerate(changes, start=first):
        kept = (_kept(before, random, prepared.texts), _kept(after, random, prepared.texts))
        prepared.lines.append((company, number, now, actor, action, subject, *kept))
    return prepared


def write(tx: Transaction, company: int, prepared: Lines) -> None:
    """Appends lines whose first number is the next one. Raises Duplicate when it is not."""
    ledger.add_personal_texts(tx, company, prepared.texts)
    store.add(tx, prepared.lines)


def erase(tx: Transaction, company: int, kind: str, subject: str) -> int:
    """Erases what was said before and after each change of a person, and returns how many texts there were.

    The lines stay: who changed whom, and when. `kind` is how the actions begin, such as `worker.`.
    """
    return ledger.erase_texts(tx, company, store.texts_about(tx, company, kind, subject))


def _kept(
    said: Mapping[str, Any] | None, random: Callable[[int], bytes], texts: list[tuple[bytes, bytes, str]]
) -> bytes | None:
    """The digest that stands for what was said; what it is of joins `texts`."""
    if said is None:
        return None
    salt, text = random(canonical.SALT_BYTES), canonical.json_text(said)
    digest = canonical.salted_digest(salt, text)
    texts.append((digest, salt, text))
    return digest
