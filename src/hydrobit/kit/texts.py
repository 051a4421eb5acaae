"""Texts from outside: stripped, Unicode NFC, free of control characters and lone surrogates."""

import unicodedata

MARKS_IN_A_ROW_MAX = 30
"""As in Unicode's stream-safe text (UAX 15): the time to put marks in order grows with the square of their number."""
DECOMPOSED_LENGTH_MAX = 4
"""The most characters that NFC makes one of."""
_UNSAFE = frozenset({"Cc", "Cs"})


def clean(text: str, length_max: int) -> str:
    """The text stripped and in NFC; an empty result means that it was blank.

    Raises ValueError with a sentence for the caller.
    """
    text = text.strip()
    if not (text.isascii() and text.isprintable()) and len(text) <= DECOMPOSED_LENGTH_MAX * length_max:
        _refuse_unsafe(text)
        _refuse_heaped_marks(text)
        text = unicodedata.normalize("NFC", text)
    if len(text) > length_max:
        raise ValueError(f"must have at most {length_max} characters, has {len(text)}")
    return text


def exact(text: str, length_max: int) -> str:
    """A key kept to the letter: neither stripped nor normalized. Raises ValueError as `clean` does."""
    if len(text) > length_max:
        raise ValueError(f"must have at most {length_max} characters, has {len(text)}")
    if not (text.isascii() and text.isprintable()):
        _refuse_unsafe(text)
    return text


def _refuse_unsafe(text: str) -> None:
    for character in text:
        if unicodedata.category(character) in _UNSAFE:
            raise ValueError(f"must not hold the control character or lone surrogate U+{ord(character):04X}")


def _refuse_heaped_marks(text: str) -> None:
    row = 0
    for character in text:
        row = row + 1 if unicodedata.combining(character) else 0
        if row > MARKS_IN_A_ROW_MAX:
            raise ValueError(f"must not hold more than {MARKS_IN_A_ROW_MAX} combining marks in a row")
