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
    """The drawing: a long one, and a tall one for narrow screens, of which the stylesheet shows one."""
    long = joined([_session(), _counts(), _again(), _void(), _late(), _ledger()])
    tall = joined([_tall_session(), _tall_notes(), _tall_ledger()])
    return element(
        "div",
        _svg(long, "long", "44 14 836 352"),
        _svg(tall, "tall", "0 0 340 520"),
        class_="drawing",
    )


def _svg(drawn: Html, kind: str, box: str) -> Html:
    title, about = f"life-{kind}-title", f"life-{kind}-about"
    inside = joined([element("title", TITLE, id=title), element("desc", ABOUT, id=about), drawn])
    return Html(
        f'<svg viewBox="{box}" role="img" aria-labelledby="{title}" aria-describedby="{about}" class="life {kind}">'
        f"{inside}</svg>"
    )


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


_TALL_X, _TALL_LEDGER_X, _TALL_STEP, _TALL_TOP = 54, 288, 62, 72


def _tall_y(at: int) -> int:
    return _TALL_TOP + at * _TALL_STEP


def _tall_session() -> Html:
    height = _tall_y(5) - _tall_y(0) + 60
    box = {"x": 20, "y": _TALL_TOP - 30, "width": 68, "height": height, "rx": 34}
    falls = joined(
        element("line", x1=92, x2=_TALL_LEDGER_X - 42, y1=_tall_y(at), y2=_tall_y(at), class_="fall")
        for at in range(len(_STEPS))
    )
    counts = joined(_movement(_TALL_X, word, y=_tall_y(at)) for at, (_, word) in enumerate(_STEPS[:4]) if at > 0)
    return joined(
        [
            falls,
            element("rect", **box, class_="session"),
            element("rect", **box, class_="session-edge"),
            _text(_TALL_X, _tall_y(0) + 5, "open", "end-word"),
            _text(_TALL_X, _tall_y(5) + 5, "close", "end-word"),
            _text(20, 26, "Session", "label", anchor="start"),
            _text(_TALL_LEDGER_X, 26, "Ledger", "label"),
            counts,
            _movement(_TALL_X, _STEPS[4][1], "void", _tall_y(4)),
        ]
    )


def _tall_notes() -> Html:
    first, undone, void = _tall_y(1), _tall_y(2), _tall_y(4)
    late = _tall_y(5) + 84
    return joined(
        [
            _text(98, first - 12, "sent again: 200,", "note", anchor="start"),
            _text(98, first + 19, "first id, nothing added", "quiet", anchor="start"),
            element("path", d=f"M76 {void} C 128 {void - 14}, 128 {undone + 14}, 79 {undone + 2}", class_="void-way"),
            element("path", d=f"M88 {undone - 2} L78 {undone + 1.5} L85 {undone + 10}", class_="void-way"),
            _text(122, void - 54, "a void: the", "note", anchor="start"),
            _text(122, void - 38, "opposite movement", "note", anchor="start"),
            element("line", x1=_TALL_X, x2=_TALL_X, y1=_tall_y(5) + 32, y2=late - 24, class_="late-way"),
            _movement(_TALL_X, "+2", "late", late),
            _text(88, late - 12, "made before the close,", "note", anchor="start"),
            _text(88, late + 5, "arrived after it:", "note", anchor="start"),
            _text(88, late + 22, "409, held for review", "quiet", anchor="start"),
        ]
    )


def _tall_ledger() -> Html:
    last = len(_STEPS) - 1
    links = joined(
        element(
            "line", x1=_TALL_LEDGER_X, x2=_TALL_LEDGER_X, y1=_tall_y(at) + 20, y2=_tall_y(at + 1) - 20, class_="chain"
        )
        for at in range(last)
    )
    boxes = joined(
        joined(
            [
                element("rect", x=_TALL_LEDGER_X - 40, y=_tall_y(at) - 19, width=80, height=38, rx=9, class_="entry"),
                _text(_TALL_LEDGER_X, _tall_y(at) + 5, word, "entry-word"),
            ]
        )
        for at, (_, word) in enumerate(_STEPS)
    )
    return joined([links, boxes, _text(334, _tall_y(last) + 46, "= 9 to be paid", "total", anchor="end")])


def _text(x: int, y: int, text: str, kind: str, *, anchor: str = "middle") -> Html:
    return element("text", text, x=x, y=y, class_=kind, text_anchor=anchor)
