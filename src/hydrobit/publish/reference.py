"""Pages of docs/reference that are derived: operations, errors, settings. Markdown, one text a page."""

import inspect
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from hydrobit.errors import CATALOGUE
from hydrobit.operation import Operation
from hydrobit.publish import asyncapi, openapi
from hydrobit.publish.refusals import codes
from hydrobit.settings import Settings

_DERIVED = "<!-- Derived from the code by scripts/derive_reference.py; a test holds it to what the code says. -->\n"
_FIELD = re.compile(r"    (?P<name>\w+): [^=]+ = (?P<default>.+?)(?:  # (?P<comment>.+))?")
_GROUP = re.compile(r"    # (?P<title>.+)")


def pages(operations: Sequence[Operation], settings: type[Settings], version: str) -> dict[str, str]:
    """Every derived page by its file name."""
    return {
        "openapi.json": openapi.text(openapi.document(operations, version)),
        "asyncapi.json": openapi.text(asyncapi.document(operations, settings(), version)),
        "operations.md": _operations(operations),
        "errors.md": _errors(operations),
        "settings.md": _settings(settings),
    }


def _operations(operations: Sequence[Operation]) -> str:
    head = ["# Operations", "", _DERIVED, _table(("Operation", "Method", "Path"), map(_line, operations))]
    return "\n".join([*head, *(section for row in operations for section in _operation(row))])


def _line(row: Operation) -> tuple[str, ...]:
    return (f"[{row.name}](#{row.name.lower()})", row.http.method, f"`{row.http.path}`")


def _operation(row: Operation) -> Iterable[str]:
    yield f"## {row.name}\n\n`{row.http.method} {row.http.path}`\n\n{row.summary}. {row.description}\n"
    if row.branch:
        yield f"Over MQTT also below the device's branch: `{row.branch}`.\n"
    scope = f" Scope of a company key: `{row.scope}`." if row.scope is not None else ""
    yield f"Roles: {', '.join(sorted(row.roles))}.{scope} Sent again: {row.repeat}\n"
    if row.parameters:
        yield _table(
            ("Parameter", "In", "Required", "Example", "Meaning"),
            (
                (f"`{one.name}`", one.place, "yes" if one.required else "no", f"`{one.example}`", one.description)
                for one in row.parameters
            ),
        )
    answers = [(str(status), meaning) for status, meaning in row.http.statuses.items()]
    refusals = [
        (str(CATALOGUE[code].status), f"`{code}`")
        for code in codes(row)
        if CATALOGUE[code].status not in row.http.statuses
    ]
    yield _table(("Status", "Answer"), [*answers, *_joined(refusals)])


def _joined(pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """One line a status, with all its codes."""
    lines: dict[str, list[str]] = {}
    for status, code in pairs:
        lines.setdefault(status, []).append(code)
    return ((status, ", ".join(found)) for status, found in lines.items())


def _errors(operations: Sequence[Operation]) -> str:
    rows = (
        (f"`{code}`", str(meaning.status), f"0x{meaning.mqtt_reason:02X}", meaning.message, meaning.remedy)
        for code, meaning in CATALOGUE.items()
    )
    raised = {code: [row.name for row in operations if code in row.errors] for code in CATALOGUE}
    told = ((f"`{code}`", ", ".join(names)) for code, names in raised.items() if names)
    return "\n".join(
        [
            "# Errors",
            "",
            _DERIVED,
            "Every answer that is not a success has `status`, `message`, `error`, `code` and `requestId`. `message`",
            "says what happened, `error` which field and value. Branch on `code`; the texts may change.",
            "",
            _table(("Code", "HTTP", "MQTT 5", "What happened", "What to do"), rows),
            "Answers of certain operations:",
            "",
            _table(("Code", "Operations"), told),
        ]
    )


def _settings(settings: type[Settings]) -> str:
    """Names, defaults and remarks as they stand in the source: comments above a group and beside a field."""
    sections: list[tuple[str, list[tuple[str, ...]]]] = [("", [])]
    for line in inspect.getsource(settings).splitlines():
        if field := _FIELD.fullmatch(line):
            variable = f"`HYDROBIT_{field['name'].upper()}`"
            sections[-1][1].append((variable, _default(getattr(settings(), field["name"])), field["comment"] or ""))
        elif group := _GROUP.fullmatch(line):
            sections.append((group["title"], []))
    written = [
        "# Settings",
        "",
        _DERIVED,
        "Read once at the start from the environment; flags of a command win over it. Units stand in the names; lists",
        "are separated by commas. An unknown name, or a value that cannot be used, stops the start with a sentence.",
        "`HYDROBIT_CLIENT_...` are [the client's](../how-to/python-client.md): no server reads them.",
        "",
    ]
    for title, fields in sections:
        written += [f"## {title.rstrip('.')}\n"] if title else []
        written.append(_table(("Variable", "Default", "Remark"), fields))
    return "\n".join(written)


def _default(value: object) -> str:
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return f"`{','.join(value)}`"
        case "" | Path():
            return f"`{value}`" if value else "(empty)"
        case _:
            return f"`{value}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    if not any(row[-1] for row in rows):  # nobody wrote a remark: no column for it
        head, rows = head[:-1], [row[:-1] for row in rows]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
