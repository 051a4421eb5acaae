"""The first page: what the words mean, a first call, and where to go from here."""

import json
from collections.abc import Mapping, Sequence

from hydrobit.publish.samples import BASE
from hydrobit.publish.site import programs
from hydrobit.publish.site.addresses import DOCS, PAGES, address
from hydrobit.publish.site.drawing import lifecycle
from hydrobit.publish.site.facts import Book
from hydrobit.publish.site.fields import heading, path_of
from hydrobit.publish.site.frame import DOWNLOADS, Guide, method_mark
from hydrobit.publish.site.markup import Html, element, joined, said
from hydrobit.publish.site.trying import MOCK

__all__ = ["FIRST_CALLS", "main"]

WORDS = (
    (
        "Session",
        "createProductionSession",
        "The work of one day in one sector. Whoever opens it owns it: they alone count into it, change it and close "
        "it. Its close answers the sum of each worker.",
    ),
    (
        "Movement",
        "createProductionRecord",
        "One line of the ledger: so many units for one worker. It is never changed and never deleted, so every sum can "
        "be explained line by line.",
    ),
    (
        "Void",
        "voidProductionRecord",
        "How a mistake is undone: an opposite movement that names the first one. Both stay visible, and the sum is "
        "right again.",
    ),
    (
        "Key",
        "checkIdempotencyKey",
        "What makes a repeat safe. Session, worker and the client's own `clientEventId` name an event; sent again, it "
        "counts once and is answered with the first id.",
    ),
)
LINKS_SHOWN_MAX = 6
"""A card that has more leads to the list of all."""
_EVENT = {
    "auth0Id": "user_123456789",
    "sessionId": "6507f1e3c9d8e2a4b1f9c3d5",
    "workerId": "JS0315",
    "worker_name": "John Smith",
    "units": 5,
    "recordedAtUtc": "2025-10-19T14:30:00.000Z",
    "clientEventId": "my-first-event",
}
_SEND = f"""\
curl -i {BASE}{MOCK}/api/control/production/records \\
  -H "authorization: Bearer anything" -H "x-mock-space: $SPACE" \\
  -H "content-type: application/json" \\
  -d '{json.dumps(_EVENT)[:-1].replace(', "workerId', ',{}      "workerId').replace(', "units', ',{}      "units')}}}'
""".replace("{}", "\n")
FIRST_CALLS = (
    (
        "Count five boxes",
        "The mock server lives beside the real one and plays by the same rules. Its spaces begin with a session "
        "that is open; take one of your own:",
        "SPACE=me-$RANDOM\n\n" + _SEND,
        'It answers 201 with a `recordId`, and `"idempotent": false`: counted, and on the disk before you were told.',
    ),
    (
        "Send it again",
        "A phone that lost the answer cannot know what became of its call. It sends the same bytes once more. Run the "
        "command a second time:",
        _SEND,
        '200 with the same `recordId` and `"idempotent": true`. Nothing was added.',
    ),
    (
        "Say something else under the same key",
        "Change `units` and keep the `clientEventId`:",
        _SEND.replace('"units": 5', '"units": 6'),
        "409 `idempotency_conflict`. The answer names the field that differs, and the record that stands.",
    ),
)
WITHOUT_MOCK = (
    "This server runs without the mock beside it. Start one with `hydrobit mock --port 8090` and put its address in "
    "the place of this one."
)
PROMISES = (
    ("Nothing is lost.", "A record is on the disk before it is answered. What comes after a close is held for review."),
    ("Nothing counts twice.", "The same event may come as often as it likes, over HTTP, in bulk or over MQTT."),
    (
        "Nothing changes unseen.",
        "The ledger is appended to and chained by hashes; `hydrobit verify` recomputes it all.",
    ),
)


def main(book: Book, guides: Mapping[str, Sequence[Guide]], *, has_mock: bool) -> Html:
    """The whole page."""
    return element(
        "article", _hero(book), _words(), _first_call(has_mock=has_mock), _promises(), _where(guides), _reference(book)
    )


def _hero(book: Book) -> Html:
    acts = element(
        "p",
        element("a", "Make a first call", class_="act main-act", href="#first-call"),
        element("a", f"All {len(book.operations)} operations", class_="act", href="#reference"),
        class_="acts",
    )
    return element(
        "section",
        element("p", "Hydrobit API 2.0.0", class_="eyebrow"),
        element("h1", "Count the work once, and right."),
        element(
            "p",
            "All day, phones, scanners and scales count what each worker picked, often without signal. At night every "
            "worker's sum has to be right, because it is pay. This is the API that takes those counts, and the server "
            "you are looking at runs it.",
            class_="lead",
        ),
        acts,
        lifecycle(),
        class_="hero",
    )


def _words() -> Html:
    cards = [
        element(
            "div",
            element("h3", element("a", word, href=f"{DOCS}/{name}")),
            element("p", said(told)),
            class_="card",
        )
        for word, name, told in WORDS
    ]
    return element("section", heading(2, "Four words", "words"), element("div", *cards, class_="cards four"))


def _first_call(*, has_mock: bool) -> Html:
    steps = [
        element(
            "li",
            element("h3", title),
            element("p", said(before)),
            programs.shown(command, "curl", label=title),
            element("p", said(after)),
        )
        for title, before, command, after in FIRST_CALLS
    ]
    end = element(
        "p",
        "That is the heart of it. For the real server, drop ",
        element("code", MOCK),
        " from the address and send a token instead; every operation's page has the program in ten languages and a "
        "form to try it.",
    )
    return element(
        "section",
        heading(2, "A first call in five minutes", "first-call"),
        Html() if has_mock else element("p", said(WITHOUT_MOCK), class_="aside"),
        element("ol", *steps, class_="steps"),
        end,
    )


def _promises() -> Html:
    lines = [element("li", element("strong", name), " ", said(told)) for name, told in PROMISES]
    return element("section", heading(2, "What it promises", "promises"), element("ul", *lines, class_="promises"))


def _where(guides: Mapping[str, Sequence[Guide]]) -> Html:
    cards = [_card(title, [(one.title, one.address) for one in found]) for title, found in guides.items()]
    downloads = _card("To download", [(name, href) for href, name in DOWNLOADS])
    return element("section", heading(2, "Where to go", "where"), element("div", *cards, downloads, class_="cards"))


def _card(title: str, links: Sequence[tuple[str, str]]) -> Html:
    lines = [element("li", element("a", name, href=href)) for name, href in links[:LINKS_SHOWN_MAX]]
    if len(links) > LINKS_SHOWN_MAX:
        lines.append(element("li", element("a", f"and {len(links) - LINKS_SHOWN_MAX} more", href=PAGES)))
    return element("div", element("h3", title), element("ul", *lines), class_="card")


def _reference(book: Book) -> Html:
    return element(
        "section",
        heading(2, "Reference", "reference"),
        element(
            "p",
            "Every operation, derived from the table that the server itself runs. What is refused, and why, is in the ",
            element("a", "catalogue of errors", href=f"{DOCS}/errors"),
            ".",
        ),
        *(_tag(book, tag) for tag in book.tags),
        class_="reference",
    )


def _tag(book: Book, tag: str) -> Html:
    about, rows = book.tags[tag]
    lines = [
        element(
            "li",
            element(
                "a",
                method_mark(row.http.method),
                element("span", row.summary, class_="what"),
                element("code", path_of(row.http.path)),
                href=address(row),
            ),
        )
        for row in rows
    ]
    return joined([heading(3, tag, tag.lower().replace(" ", "-")), element("p", said(about)), element("ul", *lines)])
