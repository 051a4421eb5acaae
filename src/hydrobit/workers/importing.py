"""A crew from a CSV file into the register: all of its lines are taken, or none, or with `partial` the good ones."""

from collections.abc import Callable

import msgspec

from hydrobit.errors import Code, Duplicate, Refused
from hydrobit.ledger import store as ledger
from hydrobit.storage.engine import Transaction
from hydrobit.workers import crew, service, template
from hydrobit.workers.crew import BadLine, Crew, Member
from hydrobit.workers.service import Entries, Hiring, Newcomer, Numbers
from hydrobit.workers.template import Template

NAMED_MAX = 50
"""So many bad lines are named in one refusal; a dry run names all."""


class Imported(msgspec.Struct, frozen=True):
    """Business ids in the order of the file, and the lines that were not taken."""

    added: list[str]
    unchanged: list[str]
    bad_lines: list[BadLine]


class Plan(msgspec.Struct, frozen=True):
    """What an import would do with the register and the template as they were when it was made."""

    outcome: Imported
    newcomers: list[Newcomer]
    template: Template
    numbers: Numbers


def plan(tx: Transaction, company: int, wanted: Crew) -> Plan:
    """Judges every line; nothing is written. Who is in the register, or stands in the file before, is unchanged.

    It takes most of the time of an import, so it is made in a read, where nobody waits for it.
    """
    hiring = Hiring(tx, company)
    outcome = Imported([], [], list(wanted.bad_lines))
    newcomers: list[Newcomer] = []
    for member in wanted.members:
        try:
            hiring.require_options(member.new)
        except Refused as e:
            outcome.bad_lines.append(_bad(member, wanted, e))
            continue
        known = hiring.known(member.new)
        if known is not None:
            outcome.unchanged.append(known)
            continue
        newcomers.append(hiring.join(member.new))
        outcome.added.append(newcomers[-1].worker_id)
    outcome.bad_lines.sort(key=lambda bad: bad.line)
    return Plan(outcome, newcomers, hiring.template, service.next_numbers(tx, company))


def prepare(company: int, actor: str, made: Plan, partial: bool, now: int, random: Callable[[int], bytes]) -> Entries:
    """What a plan writes, made where nobody waits for it. Raises Refused naming the bad lines, unless `partial`."""
    if not partial and made.outcome.bad_lines:
        raise _refused(made.outcome.bad_lines)
    return service.prepare(company, actor, made.newcomers, made.numbers, None, now, random)


def add_crew(
    tx: Transaction,
    company: int,
    actor: str,
    wanted: Crew,
    made: Plan,
    entries: Entries,
    partial: bool,
    now: int,
    random: Callable[[int], bytes],
) -> Imported:
    """Adds those who are not in the register, each with a line in the audit log. May run twice.

    Where the register, the template or the log went on since the plan was made, a new one is made here: numbers tell,
    and unique constraints. Raises Refused naming the bad lines, unless `partial`.
    """
    ledger.lock_head(tx, company)
    if made.template == template.of_company(tx, company) and made.numbers == service.next_numbers(tx, company):
        try:
            with tx.savepoint():
                service.write(tx, company, entries)
            return made.outcome
        except Duplicate:
            pass  # someone was renamed to who is to join
    made = plan(tx, company, wanted)
    service.write(tx, company, prepare(company, actor, made, partial, now, random))
    return made.outcome


def told(bad: BadLine) -> str:
    """A bad line as a sentence names it."""
    column = f", column {bad.column}" if bad.column else ""
    value = f", {bad.value!r}" if bad.value else ""
    return f"line {bad.line}{column}{value}: {bad.detail}".rstrip(".")


def _bad(member: Member, wanted: Crew, refused: Refused) -> BadLine:
    return crew.bad_line(member.line, msgspec.structs.asdict(member.new), wanted.headers, refused)


def _refused(bad: list[BadLine]) -> Refused:
    more = f"; and {len(bad) - NAMED_MAX} more" if len(bad) > NAMED_MAX else ""
    named = "; ".join(map(told, bad[:NAMED_MAX]))
    return Refused(Code.invalid_value, f"Nothing was stored. {named}{more}.", field=crew.FIELD)
