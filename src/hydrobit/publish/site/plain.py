"""The same pages as Markdown, for readers that are programs, and for people who like it plain."""

import re
from collections.abc import Iterable, Iterator, Sequence

from hydrobit.errors import CATALOGUE, Code
from hydrobit.operation import Operation
from hydrobit.publish.samples import LANGUAGES, sample
from hydrobit.publish.site.addresses import DOCS, PAGES, address
from hydrobit.publish.site.catalogue import nowhere
from hydrobit.publish.site.facts import Book, Field, example_of, pretty
from hydrobit.publish.site.frame import DOWNLOADS
from hydrobit.publish.site.prose import Library, Page

__all__ = ["errors", "index", "llms", "operation", "page"]

ABOUT = (
    "An open, self-hosted server for recording farm work, compatible with the documented Hydrobit API 2.0.0. "
    "Supervisors open a session for one sector and day; phones, scanners and scales count units per worker into it; "
    "the sums are pay."
)
RULES = """\
- Send `Authorization: Bearer <token>`. The body's or query's `auth0Id` must be the token's own user.
- A success is `{"status": "success", "data": ...}`; every other answer has `status`, `message`, `error`, `code` and
  `requestId`. Branch on `code`.
- Every call may be sent again as it was when its outcome is unknown (a broken connection, 500, 503): nothing counts
  twice. Give each event a `clientEventId` of its own and keep it for every repeat.
- Stop on other 4xx; honour `Retry-After`.
- Try without harm: put `/_mock/spec/openapi` before a path, send any bearer text and a header `x-mock-space` of
  your own.
"""
SAMPLES = ("curl", "python")
"""The languages that stand in the Markdown; the page has all of them."""
_LINK = re.compile(r"\[(?P<words>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<link>[^()\s]+)\)")


def operation(book: Book, row: Operation) -> bytes:
    """One operation."""
    return _text(_operation(book, row))


def errors(book: Book) -> bytes:
    """The catalogue of errors."""
    lines = [
        "# Errors by code\n",
        "Every answer that is not a success has `status`, `message`, `error`, `code` and `requestId`.\n",
        _table(
            ("Code", "HTTP", "MQTT 5", "What happened", "What to do", "Answered by"),
            (
                (
                    f"`{code}`",
                    str(meaning.status),
                    f"0x{meaning.mqtt_reason:02X}",
                    meaning.message,
                    meaning.remedy,
                    _answering(book, code),
                )
                for code, meaning in CATALOGUE.items()
            ),
        ),
    ]
    return _text(lines)


def index(book: Book, library: Library) -> bytes:
    """An index of everything, as Markdown that links to Markdown."""
    return _text([f"# Hydrobit API\n\n{ABOUT}\n\n## Rules\n\n{RULES}", *_lists(book, library, "##")])


def llms(book: Book, library: Library) -> bytes:
    """The same in the form of llms.txt: a title, a quotation that sums up, and lists of links."""
    return _text([f"# Hydrobit, the open server\n\n> {ABOUT}\n\n{RULES}", *_lists(book, library, "##")])


def page(found: Page) -> bytes:
    """A page of docs/ as it was written, with its links led to Markdown of the site."""

    def led(match: re.Match[str]) -> str:
        target = found.target(match["link"])
        if target is None:
            return f"{match['words']} (`{found.in_source(match['link'])}` in the source)"
        return f"[{match['words']}]({_plain(target)})"

    return _LINK.sub(led, found.text).encode()


def _plain(target: str) -> str:
    way, mark, anchor = target.partition("#")
    if way == DOCS:
        return f"{DOCS}/index.md"
    is_page = way.startswith(f"{DOCS}/") and "." not in way.rpartition("/")[2]
    if way == PAGES:
        return f"{DOCS}/index.md"
    return f"{way}.md{mark}{anchor}" if is_page else target


def _lists(book: Book, library: Library, level: str) -> Iterator[str]:
    for tag, (_, rows) in book.tags.items():
        yield f"{level} {tag}\n"
        yield "\n".join(f"- [{row.name}]({address(row)}.md): {row.summary}. `{_line(row)}`" for row in rows) + "\n"
    yield f"{level} Errors\n\n- [Errors by code]({DOCS}/errors.md): every code, what happened and what to do.\n"
    for title, pages in library.groups().items():
        yield f"{level} {title}\n"
        yield "\n".join(f"- [{page.title}]({page.address}.md)" for page in pages) + "\n"
    yield f"{level} Documents\n"
    yield "\n".join(f"- [{name}]({href})" for href, name in DOWNLOADS if not href.endswith((".md", ".txt"))) + "\n"


def _line(row: Operation) -> str:
    return f"{row.http.method} {row.http.path}"


def _operation(book: Book, row: Operation) -> Iterator[str]:
    yield f"# {row.name}\n\n{row.summary}.\n\n`{_line(row)}`\n\n{row.description}\n"
    who = [f"roles {', '.join(sorted(row.roles))}"] if row.roles else []
    who += [f"company keys with the scope `{row.scope}`"] if row.scope is not None else []
    who += ["devices"] if row.for_devices else []
    yield f"- **Who may call:** {'; '.join(who)}\n- **Sent again:** {row.repeat}\n"
    if parameters := book.parameters(row):
        yield "## Parameters\n"
        yield _fields(parameters)
    if body := book.body(row):
        yield "## Body\n"
        yield _fields(body)
    for name, example in row.request_examples.items():
        yield f"Example `{name}`:\n\n```json\n{pretty(example)}\n```\n"
    yield "## Answers\n"
    for answer in book.answers(row):
        yield f"**{answer.status}** {answer.meaning}\n"
        if answer.example is not None:
            yield f"```json\n{pretty(answer.example)}\n```\n"
    if fields := book.answer(row):
        yield _fields(fields)
    yield "## Refusals\n"
    yield _table(
        ("Status", "Code", "What happened", "What to do"),
        (
            (str(one.status), f"`{code}`", CATALOGUE[code].message, CATALOGUE[code].remedy)
            for one in book.refusals(row)
            for code in (*one.own, *one.shared)
        ),
    )
    yield from _messages(book, row)
    yield "## Samples\n"
    for language in LANGUAGES:
        if language.key in SAMPLES:
            yield f"{language.title}:\n\n```{language.key}\n{sample(row, language).rstrip()}\n```\n"


def _messages(book: Book, row: Operation) -> Iterator[str]:
    messages = book.messages(row)
    if messages is None:
        return
    yield "## Over MQTT\n"
    what = "The same body" if example_of(row) is not None else "An object with the parameters"
    lines = [f"- Topic: `{messages.topic}`. {what}, QoS 1."]
    if messages.branch is not None:
        lines.append(f"- In the device's branch: `{messages.branch}`")
    if messages.method is not None:
        lines.append(f"- User property `method`: `{messages.method}`")
    lines.append(
        "- Reason codes: "
        + "; ".join(f"{reason} " + ", ".join(f"`{code}`" for code in told) for reason, told in messages.reasons.items())
    )
    yield "\n".join(lines) + "\n"


def _fields(fields: Sequence[Field]) -> str:
    return _table(
        ("Field", "Type", "Required", "Meaning"),
        (
            (
                f"`{field.path}`" + (f" ({field.place})" if field.place else ""),
                field.kind,
                "yes" if field.required else "no",
                " ".join([field.description, *field.limits]).strip(),
            )
            for field in fields
        ),
    )


def _answering(book: Book, code: Code) -> str:
    if book.is_everywhere(code):
        return "any operation"
    return ", ".join(row.name for row in book.operations_of(code)) or nowhere(code)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _text(parts: Iterable[str]) -> bytes:
    return "\n".join(parts).encode()
