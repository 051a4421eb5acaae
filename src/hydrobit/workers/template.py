"""What a company's workers may be: the options of its template, with defaults until the company has its own."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from hydrobit.audit import service as audit
from hydrobit.audit.service import Author
from hydrobit.errors import Refused
from hydrobit.ledger import store as ledger
from hydrobit.storage.engine import Transaction
from hydrobit.wire import fields
from hydrobit.wire.workers import OPTIONS_MAX
from hydrobit.workers import store


class Kind(StrEnum):
    """What an option is one of; the value is the word of the table `template_option`."""

    position = "position"
    employment_type = "employment_type"
    status = "status"
    skill = "skill"


DEFAULTS: dict[Kind, tuple[str, ...]] = {
    Kind.position: (
        "field_worker",
        "harvester",
        "crew_leader",
        "supervisor",
        "irrigator",
        "tractor_driver",
        "packer",
        "quality_inspector",
        "mechanic",
        "office",
    ),
    Kind.employment_type: ("full_time", "part_time", "seasonal", "temporary", "contractor"),
    Kind.status: ("active", "inactive", "on_leave", "suspended", "terminated"),
    Kind.skill: (
        "irrigation",
        "pruning",
        "harvesting",
        "planting",
        "weeding",
        "grafting",
        "spraying",
        "packing",
        "scouting",
        "machinery",
        "driving",
        "first_aid",
    ),
}


class Template(msgspec.Struct, frozen=True):
    """The options of one company, in its order."""

    options: dict[Kind, tuple[str, ...]]

    def require(self, kind: Kind, value: str) -> None:
        """Raises Refused naming the field and what it may be."""
        if value not in self.options[kind]:
            raise _not_an_option(kind, self.options[kind])

    def known_skills(self, skills: Sequence[str]) -> tuple[str, ...]:
        """Those that the template has, each once; the others are left out (contract, "createWorker")."""
        return tuple(dict.fromkeys(skill for skill in skills if skill in self.options[Kind.skill]))


def of_company(tx: Transaction, company: int) -> Template:
    """The company's own options, and the defaults of every kind that it has none of."""
    own = store.template_options(tx, company)
    return Template({kind: tuple(own.get(kind, ())) or DEFAULTS[kind] for kind in Kind})


def change(tx: Transaction, author: Author, options: Mapping[Kind, Sequence[str]]) -> Template:
    """The template with the options of some kinds set, as `set_options` does."""
    for kind, names in options.items():
        set_options(tx, author, kind, names)
    return of_company(tx, author.company)


def set_options(tx: Transaction, author: Author, kind: Kind, names: Sequence[str]) -> tuple[str, ...]:
    """Puts these options of a kind in the place of those before and returns them; none brings the defaults back.

    Workers keep what they have. May run twice. Raises Refused for a name that is blank or too long, or too many names.
    """
    cleaned = tuple(dict.fromkeys(fields.text(name, kind.value) for name in names))
    if len(cleaned) > OPTIONS_MAX:
        raise fields.invalid(kind.value, f"may have at most {OPTIONS_MAX} options")
    ledger.lock_head(tx, author.company)  # of two who set them at once, the last one's stay
    before = of_company(tx, author.company).options[kind]
    store.replace_template_options(tx, author.company, kind, cleaned)
    after = cleaned or DEFAULTS[kind]
    if after != before:
        shown = ({"options": list(before)}, {"options": list(after)})
        audit.record(tx, author, "template.set", kind.value, *shown)
    return after


def _not_an_option(kind: Kind, options: Sequence[str]) -> Refused:
    return fields.invalid(kind.value, f"must be one of the company's options: {', '.join(options)}")
