"""The page of one operation."""

from collections.abc import Iterator, Sequence

from hydrobit.errors import Code
from hydrobit.operation import Operation
from hydrobit.publish.samples import LANGUAGES, sample
from hydrobit.publish.site import programs
from hydrobit.publish.site.addresses import DOCS
from hydrobit.publish.site.facts import Book, Messages, Refused, pretty
from hydrobit.publish.site.fields import code_link, codes_table, fields_table, heading, path_of
from hydrobit.publish.site.frame import method_mark
from hydrobit.publish.site.markup import Html, element, joined, said
from hydrobit.publish.site.trying import form

__all__ = ["main"]


def main(book: Book, row: Operation, *, has_mock: bool, samples_run: str | None) -> Html:
    """What stands on the row's page: what it is at the left, code at the right.

    `samples_run` is the address of the page that tells which samples were run, and with what.
    """
    told = joined([*_head(row), *_parts(book, row)])
    return element(
        "article",
        element(
            "div",
            element("div", told, class_="told"),
            element("div", _samples(row, samples_run), *_examples(book, row), class_="shown"),
            class_="columns",
        ),
        form(row, has_mock=has_mock),
        class_="operation",
    )


_TO_TRY = element("a", "Try it", class_="to-try", href="#try")


def _head(row: Operation) -> Iterator[Html]:
    yield element("p", element("a", row.tag, href=f"{DOCS}#{_anchor(row.tag)}"), " ", _TO_TRY, class_="eyebrow")
    yield element("h1", row.summary)
    yield element("p", method_mark(row.http.method), " ", element("code", path_of(row.http.path)), class_="address")
    yield element("p", said(row.description), class_="lead")
    facts = [
        ("Name", element("code", row.name)),
        ("Who may call", _who(row)),
        ("Sent again", said(row.repeat)),
    ]
    yield element("dl", *(joined([element("dt", name), element("dd", told)]) for name, told in facts), class_="facts")


def _anchor(tag: str) -> str:
    return tag.lower().replace(" ", "-")


def _who(row: Operation) -> Html:
    who = [joined([", ".join(sorted(row.roles))])] if row.roles else []
    if row.scope is not None:
        who.append(joined(["a company key with ", element("code", row.scope.value)]))
    if row.for_devices:
        who.append(joined(["a device by its token"]))
    return joined(who, "; ")


def _parts(book: Book, row: Operation) -> Iterator[Html]:
    if parameters := book.parameters(row):
        yield heading(2, "Parameters", "parameters")
        yield fields_table(parameters, f"Parameters of {row.name}", "parameter")
    if row.request is not None:
        yield heading(2, "Body", "body")
        optional = "" if row.http.body_required else " The whole body may be left out."
        yield element("p", f"JSON, plain or gzip.{optional}")
        yield fields_table(book.body(row), f"Body of {row.name}", "body")
    yield heading(2, "Answers", "answers")
    answers = book.answers(row)
    yield element(
        "dl",
        *(joined([element("dt", _status(one.status)), element("dd", said(one.meaning))]) for one in answers),
        class_="answers",
    )
    if fields := book.answer(row):
        table = fields_table(fields, f"Answer of {row.name}", "answer")
        yield _folded("Fields of the answer", table)
    yield from _refusals(book.refusals(row))
    yield from _by_message(row, book.messages(row))


def _refusals(found: Sequence[Refused]) -> Iterator[Html]:
    yield heading(2, "Refusals", "refusals")
    own = [one for one in found if one.own]
    if not own:
        yield element("p", "Nothing but what any call can meet.")
    for one in own:
        yield element("h3", _status(one.status), " ", said(one.meaning))
        yield codes_table(one.own, f"Codes of {one.status}")
    shared = [code for one in found for code in one.shared]
    if shared:
        lines = [
            element("li", _status(one.status), " ", joined(map(code_link, one.shared), ", "))
            for one in found
            if one.shared
        ]
        yield _folded("What any call can meet", element("ul", *lines, class_="shared"))


def _by_message(row: Operation, messages: Messages | None) -> Iterator[Html]:
    yield heading(2, "Over MQTT", "mqtt")
    if messages is None:
        yield element("p", "No message reaches it; it is asked for over HTTP.")
        return
    told = [("Topic", element("code", path_of(messages.topic)))]
    if messages.branch is not None:
        told.append(("In the device's branch", element("code", path_of(messages.branch))))
    if messages.method is not None:
        told.append(("User property", element("code", f"method: {messages.method}")))
    what = "The same body" if row.request is not None else "An object with the parameters"
    yield element("p", f"{what}, QoS 1. The acknowledgement says that it is on the disk.")
    yield element("dl", *(joined([element("dt", name), element("dd", value)]) for name, value in told), class_="facts")
    lines = [
        element(
            "tr",
            element("th", element("code", reason), scope="row"),
            element("td", joined(map(_code, codes), ", ")),
        )
        for reason, codes in messages.reasons.items()
    ]
    head = element("thead", element("tr", element("th", "Reason", scope="col"), element("th", "Codes", scope="col")))
    caption = element("caption", "Reason codes of the acknowledgement", class_="hidden")
    table = element("table", caption, head, element("tbody", *lines), class_="reasons")
    yield _folded("Reason codes of the acknowledgement", table)


def _code(code: str) -> Html:
    return code_link(Code(code))


def _status(status: int) -> Html:
    kind = "good" if status < 400 else "bad"
    return element("span", str(status), class_=f"status {kind}")


def _folded(title: str, inside: Html) -> Html:
    return element("details", element("summary", title), inside, class_="folded")


def _samples(row: Operation, samples_run: str | None) -> Html:
    """All programs, one section each; a script of the page makes tabs of them."""
    sections = [
        element(
            "section",
            element("h3", language.title),
            programs.shown(sample(row, language), language.key, label=f"Sample in {language.title}"),
            id=f"sample-{language.key}",
            data_language=language.key,
        )
        for language in LANGUAGES
    ]
    return element(
        "section",
        element("h2", "Sample", id="samples"),
        element("div", *sections, class_="tabs", data_label="Language of the sample"),
        element("p", element("a", "Each was run as it is printed.", href=samples_run), class_="proof")
        if samples_run
        else Html(),
        class_="samples",
    )


def _examples(book: Book, row: Operation) -> Iterator[Html]:
    for name, value in row.request_examples.items():
        title = "Payload" if len(row.request_examples) == 1 else f"Payload: {name}"
        yield _example(title, title, pretty(value))
    for answer in book.answers(row):
        if answer.example is not None:
            title = joined(["Answer ", _status(answer.status)])
            yield _example(title, f"Answer {answer.status}", pretty(answer.example))


def _example(title: str, label: str, text: str) -> Html:
    return element("section", element("h3", title), programs.shown(text, "json", label=label), class_="example")
