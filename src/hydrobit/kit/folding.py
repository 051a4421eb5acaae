"""Letters without their accents, for searching and for initials; by the Unicode data of Python alone."""

import unicodedata
from functools import lru_cache

_WRITTEN_OTHERWISE = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "\N{LATIN SMALL LETTER DOTLESS I}": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""Latin letters that Unicode does not take apart."""
_LETTERS = frozenset({"Lu", "Ll", "Lt", "Lo"})
"""Signs such as the okina are letters too (Lm), but no name is abbreviated to one."""


def fold(text: str) -> str:
    """The text as it is searched: no accents, no upper case, single blanks. `Núñez  Ortiz` becomes `nunez ortiz`."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(filter(_is_no_mark, apart)).translate(_WRITTEN_OTHERWISE).split())


def initial(name: str) -> str | None:
    """The first letter of a name as one of A to Z; None when there is none to be had.

    A letter of another script is read by its Unicode name: `Ж` is CYRILLIC CAPITAL LETTER ZHE, so Z; `محمد` begins with
    ARABIC LETTER MEEM, so M. Han characters carry no sound in their names, and give none.
    """
    for character in unicodedata.normalize("NFC", name):
        if unicodedata.category(character) in _LETTERS:
            return _latin(character)
    return None


def _is_no_mark(character: str) -> bool:
    return unicodedata.category(character) != "Mn"


@lru_cache(maxsize=4_096)
def _latin(letter: str) -> str | None:
    plain = unicodedata.normalize("NFKD", letter)[0].upper()[0]
    if plain.isascii():
        return plain
    sound = unicodedata.name(plain, "").partition(" WITH ")[0].rpartition(" ")[2]
    return sound[0] if sound.isalpha() else None
