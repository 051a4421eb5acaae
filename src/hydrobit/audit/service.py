"""Writing the audit log, in the transaction of the change itself."""

from collections.abc import Callable, Mapping
from typing import Any

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
    store.add(
        tx,
        company,
        store.next_number(tx, company),
        now,
        actor,
        action,
        subject,
        _kept(tx, company, before, random),
        _kept(tx, company, after, random),
    )


def _kept(
    tx: Transaction, company: int, said: Mapping[str, Any] | None, random: Callable[[int], bytes]
) -> bytes | None:
    if said is None:
        return None
    return ledger.add_personal(tx, company, random(canonical.SALT_BYTES), canonical.json_text(said))
