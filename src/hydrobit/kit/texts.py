"""Texts from outside: stripped, Unicode NFC, free of control characters and lone surrogates."""

import unicodedata

_UNSAFE = frozenset({"Cc", "Cs"})


def clean(text: str, length_max: int) -> str:
    """The text stripped and in NFC; an empty result means that it was blank.

    Raises ValueError with a sentence for the caller.
    """
    text = text.strip()
    if not (text.isascii() and text.isprintable()):
        _refuse_unsafe(text)
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
