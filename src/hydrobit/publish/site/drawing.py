"""The drawing of a session's life: what is counted, sent again, undone and held, and what the ledger keeps of it.

Colours come from the stylesheet, by class, so that the drawing is right in the light and in the dark.
"""

from hydrobit.publish.site.markup import Html, element, joined

__all__ = ["lifecycle"]

TITLE = "The life of a session"
ABOUT = (
    "A session is opened. Counts of 5, 3 and 4 units are added to it. The count of 5 is sent again and is answered "
    "with its first id; nothing is added. The count of 3 is undone by a void, an opposite movement of minus 3. The "
    "session is closed with a total of 9. A count of 2 that was made before the close arrives after it and is held for "
    "review. "
    "The ledger keeps six entries, each chained to the one before: opened, plus 5, plus 3, plus 4, minus 3, closed."
)
_STEPS = ((105, "opened"), (215, "+5"), (325, "+3"), (435, "+4"), (545, "\u22123"), (655, "closed"))
_ROW_Y, _LEDGER_Y = 128, 300


def lifecycle() -> Html:
    """The drawing, in a box that a narrow screen moves it in."""
    drawn = "".join([_session(), _counts(), _again(), _void(), _late(), _ledger()])
    svg = (
        f'<svg viewBox="44 14 796 352" role="img" aria-labelledby="life-title life-about" class="life">'
        f"{element('title', TITLE, id='life-title')}{element('desc', ABOUT, id='life-about')}{drawn}</svg>"
    )
    return element("div", Html(svg), class_="drawing", tabindex="0", role="region", aria_label=TITLE)


def _session() -> Html:
    lines = joined(element("line", x1=x, x2=x, y1=_ROW_Y + 30, y2=_LEDGER_Y - 24, class_="fall") for x, _ in _STEPS)
    return joined(
        [
            lines,
            element("rect", x=60, y=_ROW_Y - 32, width=640, height=64, rx=32, class_="session"),
            element("rect", x=60, y=_ROW_Y - 32, width=640, height=64, rx=32, class_="session-edge"),
            _text(105, _ROW_Y + 5, "open", "end-word"),
            _text(655, _ROW_Y + 5, "close", "end-word"),
            _text(60, 36, "Session: one sector, one day, one owner", "label", anchor="start"),
        ]
    )


def _counts() -> Html:
    return joined(_movement(x, word) for x, word in _STEPS[1:4])


def _movement(x: int, word: str, kind: str = "count", y: int = _ROW_Y) -> Html:
    return joined([element("circle", cx=x, cy=y, r=21, class_=kind), _text(x, y + 5, word, f"{kind}-word")])


def _again() -> Html:
    arrow = element("path", d="M214 203 C 196 190, 196 172, 207 156", class_="again-way")
    head = element("path", d="M199.500 158 L208.500 152.500 L209.800 163", class_="again-way")
    return joined(
        [
            arrow,
            head,
            _movement(236, "+5", "again", 211),
            _text(266, 208, "the same event again", "note", anchor="start"),
            _text(266, 226, "200, the first id, nothing added", "quiet", anchor="start"),
        ]
    )


def _void() -> Html:
    return joined(
        [
            element("path", d="M545 106 C 520 58, 350 58, 325 104", class_="void-way"),
            element("path", d="M321 94.500 L325 105 L334.500 98.500", class_="void-way"),
            _text(435, 60, "a void: the opposite movement", "note"),
            _movement(545, "\u22123", "void"),
        ]
    )


def _late() -> Html:
    return joined(
        [
            _movement(764, "+2", "late"),
            element("line", x1=701, x2=741, y1=_ROW_Y, y2=_ROW_Y, class_="late-way"),
            _text(764, _ROW_Y + 52, "made before the close,", "note"),
            _text(764, _ROW_Y + 70, "arrived after it:", "note"),
            _text(764, _ROW_Y + 88, "409, held for review", "quiet"),
        ]
    )


def _ledger() -> Html:
    boxes = joined(
        joined(
            [
                element("rect", x=x - 40, y=_LEDGER_Y - 22, width=80, height=44, rx=9, class_="entry"),
                _text(x, _LEDGER_Y + 5, word, "entry-word"),
            ]
        )
        for x, word in _STEPS
    )
    links = joined(
        element("line", x1=x + 41, x2=x + 69, y1=_LEDGER_Y, y2=_LEDGER_Y, class_="chain") for x, _ in _STEPS[:-1]
    )
    return joined(
        [
            links,
            boxes,
            _text(
                60, 354, "Ledger: only ever appended to, each entry chained to the one before", "label", anchor="start"
            ),
            _text(722, _LEDGER_Y - 2, "5 + 3 + 4 \u2212 3", "sum", anchor="start"),
            _text(722, _LEDGER_Y + 19, "= 9 to be paid", "total", anchor="start"),
        ]
    )


def _text(x: int, y: int, text: str, kind: str, *, anchor: str = "middle") -> Html:
    return element("text", text, x=x, y=y, class_=kind, text_anchor=anchor)
