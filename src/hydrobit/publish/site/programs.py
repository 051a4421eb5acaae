"""Programs and JSON as the pages show them: coloured a little, with the places of host and token marked.

What a reader's own host and token replace stands in `<var>`, so that a script of the page finds it without reading
code.
"""

import re
from collections.abc import Iterable, Iterator

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String, _TokenType

from hydrobit.publish.samples import BASE, TOKEN
from hydrobit.publish.site.markup import Html, element, joined

__all__ = ["coloured", "shown"]

_LEXERS = {"node": "javascript", "javascript": "javascript", "curl": "bash", "r": "r", "sh": "bash", "console": "bash"}
_CLASSES = ((Comment, "c"), (String, "s"), (Number, "n"), (Keyword, "k"), (Name.Tag, "t"), (Name.Function, "f"))
_PLACES = {BASE: "host", TOKEN: "token"}
_PLACE = re.compile("|".join(map(re.escape, _PLACES)))


def shown(text: str, language: str, *, label: str) -> Html:
    """A block of code that can be reached by the keyboard, since it may be wider than its column, and copied."""
    code = element("pre", element("code", coloured(text, language)), tabindex="0", role="group", aria_label=label)
    return element("div", code, class_="code")


def coloured(text: str, language: str) -> Html:
    """The text as HTML. An unknown language stays without colours."""
    return joined(_written(piece, kind) for piece, kind in _cut(text, _tokens(text, language)))


def _tokens(text: str, language: str) -> Iterable[tuple[str, str]]:
    """Pieces of the text, each with its class."""
    lexer = _lexer(language)
    if lexer is None:
        return [(text, "")]
    found: list[tuple[str, str]] = []
    for token, piece in lexer.get_tokens(text):
        kind = _class(token)
        if found and (found[-1][1] == kind or piece.isspace()):
            found[-1] = (found[-1][0] + piece, found[-1][1])
        else:
            found.append((piece, kind))
    return found


def _cut(text: str, tokens: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The same pieces, cut where a place begins or ends, whatever the colours make of it."""
    places = [(place.start(), place.end(), _PLACES[place[0]]) for place in _PLACE.finditer(text)]
    told = begin = 0
    for piece, kind in tokens:
        end = begin + len(piece)
        for first, last, place in places:
            if begin <= first < end:
                if told < first:
                    yield text[told:first], kind
                yield text[first:last], f"={place}"
                told = last
        if told < end:
            yield text[told:end], kind
            told = end
        begin = end


def _written(piece: str, kind: str) -> Html:
    if kind.startswith("="):
        return element("var", piece, class_=kind[1:])
    return element("i", piece, class_=kind) if kind else joined([piece])


def _class(token: _TokenType) -> str:
    return next((name for kind, name in _CLASSES if token in kind), "")


def _lexer(language: str) -> Lexer | None:
    try:
        return get_lexer_by_name(_LEXERS.get(language, language), stripnl=False, ensurenl=False)
    except ValueError:
        return None
