"""What ran, as a table for people: an operation a line, a language a column."""

from collections import Counter
from collections.abc import Mapping, Sequence

from hydrobit.operation import Operation
from hydrobit.publish.samples import LANGUAGES, Language

RAN, FAILED, MISSING = "ran", "failed", "tool missing"
Outcomes = Mapping[tuple[str, str], str]
"""By the operation's name and the language's key."""

_HEAD = """\
# Samples that ran

<!-- Written by `make samples`; a test holds it to the table of operations. -->

Each sample was run as it is printed, with the real tool, in a space of its own of the mock server (the WebSocket:
against a live server). What it printed was compared with what another client was answered, what it had sent with the
row, and what the server had stored afterwards with what it stores for that client. The last line is of a call whose
path, query and body hold every sign that means something in one of the languages
([how to run it](../how-to/samples.md)).
"""


def markdown(rows: Sequence[Operation], outcomes: Outcomes, versions: Mapping[str, str | None]) -> str:
    """The kept page."""
    told = [f"- {one.title}: {_version(versions[one.key])}" for one in LANGUAGES]
    lines = [["Operation", *(one.title for one in LANGUAGES)], ["---"] * (len(LANGUAGES) + 1)]
    lines += [[row.name, *(outcomes[row.name, one.key] for one in LANGUAGES)] for row in rows]
    lines.append(["**ran**", *(_share(outcomes, one) for one in LANGUAGES)])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([_HEAD, *told, "", table, "", f"{totals(outcomes)}", ""])


def totals(outcomes: Outcomes) -> str:
    """One sentence of numbers."""
    counted = Counter(outcomes.values())
    return f"{counted[RAN]} ran, {counted[FAILED]} failed, {counted[MISSING]} had no tool."


def _share(outcomes: Outcomes, language: Language) -> str:
    found = [outcome for (_, key), outcome in outcomes.items() if key == language.key]
    return f"{found.count(RAN)} of {len(found)}"


def _version(told: str | None) -> str:
    return f"`{told}`" if told else MISSING
