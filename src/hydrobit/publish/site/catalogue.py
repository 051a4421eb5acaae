"""The catalogue of errors: every code with its place, what happened, and what to do."""

from collections.abc import Iterator

from hydrobit.errors import CATALOGUE, Code
from hydrobit.publish.refusals import REFUSALS
from hydrobit.publish.site import programs
from hydrobit.publish.site.addresses import address
from hydrobit.publish.site.facts import Book, pretty
from hydrobit.publish.site.fields import fields_table, heading
from hydrobit.publish.site.markup import Html, element, joined, said

__all__ = ["EXAMPLE", "main", "nowhere"]

EXAMPLE = {
    "status": "error",
    "message": CATALOGUE[Code.session_closed].message,
    "error": "The session was closed at 2025-10-19T22:00:00.000Z; the count is held for review.",
    "code": "session_closed",
    "requestId": "01K7YB3Q-000042",
    "held": True,
    "heldId": "held_1234567890abcdef",
}


def main(book: Book) -> Html:
    """The whole page."""
    return element("article", *_parts(book), class_="text catalogue")


def _parts(book: Book) -> Iterator[Html]:
    yield element("p", "Reference", class_="eyebrow")
    yield element("h1", "Errors by code")
    yield element(
        "p",
        said(
            "Every answer that is not a success has this body, also for paths that do not exist. Branch on `code`: "
            "it is stable. The sentences are for people and may change."
        ),
        class_="lead",
    )
    yield programs.shown(pretty(EXAMPLE), "json", label="An error body")
    yield heading(2, "The body", "body")
    yield fields_table(book.error(), "The body of an error", "error")
    yield heading(2, "When to send again", "again")
    yield element("p", _again())
    for status, meaning in _statuses():
        yield heading(2, f"{status} {meaning.rstrip('.').split('.')[0]}", f"status-{status}")
        for code, told in CATALOGUE.items():
            if told.status == status:
                yield _entry(book, code)


def _again() -> Html:
    return joined(
        [
            "A call whose outcome is unknown (a broken connection, ",
            element("span", "500", class_="status bad"),
            " or ",
            element("span", "503", class_="status bad"),
            ") is sent again as it was, after ",
            element("code", "Retry-After"),
            " where there is one: nothing counts twice. What is answered with another 4xx stays refused; sent again, "
            "it is refused again.",
        ]
    )


def _statuses() -> list[tuple[int, str]]:
    found = sorted({meaning.status for meaning in CATALOGUE.values()})
    return [(status, REFUSALS[status].description if status in REFUSALS else OF_THE_MOCK) for status in found]


def _entry(book: Book, code: Code) -> Html:
    meaning = CATALOGUE[code]
    facts = [
        ("What to do", element("strong", said(meaning.remedy))),
        ("MQTT 5 reason", element("code", f"0x{meaning.mqtt_reason:02X}")),
        ("Answered by", _operations(book, code)),
    ]
    return element(
        "section",
        element(
            "h3",
            element("code", code.value),
            " ",
            element("a", "#", class_="anchor", href=f"#{code}", aria_label=f"Link to {code}"),
            id=code.value,
        ),
        element("p", said(meaning.message)),
        element("dl", *(joined([element("dt", name), element("dd", told)]) for name, told in facts), class_="facts"),
        class_="entry",
    )


def _operations(book: Book, code: Code) -> Html:
    if book.is_everywhere(code):
        return joined(["any operation"])
    rows = book.operations_of(code)
    if not rows:
        return joined([nowhere(code)])
    links = [element("a", row.name, href=address(row)) for row in rows]
    if len(links) <= OPERATIONS_SHOWN_MAX:
        return joined(links, ", ")
    more = element("summary", f"{len(links)} operations")
    return element("details", more, joined(links, ", "))


def nowhere(code: Code) -> str:
    """Who answers with a code that is no operation's."""
    return "the mock server" if CATALOGUE[code].status not in REFUSALS else "a path or method that is not there"


OF_THE_MOCK = "The mock server alone."
OPERATIONS_SHOWN_MAX = 8
"""More of them are folded."""
