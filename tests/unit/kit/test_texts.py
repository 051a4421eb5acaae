"""Texts from outside: stripped, in NFC, free of what no one can read."""

import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydrobit.kit.texts import clean, exact

ANY_TEXT = st.text(st.characters(), max_size=60)
WITH_SURROGATES = st.text(st.characters(exclude_categories=()), max_size=30)


@given(ANY_TEXT)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    try:
        cleaned = clean(text, 200)
    except ValueError:
        return
    assert clean(cleaned, 200) == cleaned


@given(ANY_TEXT)
def test_a_clean_text_is_stripped_and_composed(text: str) -> None:
    try:
        cleaned = clean(text, 200)
    except ValueError:
        return
    assert cleaned == cleaned.strip()
    assert unicodedata.is_normalized("NFC", cleaned)


@given(WITH_SURROGATES)
def test_no_control_character_and_no_lone_surrogate_gets_through(text: str) -> None:
    for read in (clean, exact):
        try:
            kept = read(text, 200)
        except ValueError:
            continue
        assert not {unicodedata.category(character) for character in kept} & {"Cc", "Cs"}
        kept.encode()


@given(ANY_TEXT)
def test_an_exact_text_is_kept_to_the_letter_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert exact(text, 200) == text


def test_decomposed_letters_are_composed() -> None:
    assert clean("Jose\N{COMBINING ACUTE ACCENT}", 10) == "José"
    assert exact("Jose\N{COMBINING ACUTE ACCENT}", 10) == "Jose\N{COMBINING ACUTE ACCENT}"


def test_length_counts_after_stripping_and_composing() -> None:
    assert clean(f"  {'e' + chr(0x301)}  ", 1) == "é"
    with pytest.raises(ValueError, match="at most 3 characters, has 4"):
        clean(" four ", 3)
    with pytest.raises(ValueError, match="at most 3 characters, has 5"):
        exact(" ab  ", 3)


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "a\x7fb", "a\x85b", "a\ud800b", "é\x00", "\udfff"])
def test_nul_newline_and_surrogates_are_named_in_the_refusal(text: str) -> None:
    with pytest.raises(ValueError, match=r"U\+[0-9A-F]{4}"):
        clean(text, 200)
    with pytest.raises(ValueError, match=r"U\+[0-9A-F]{4}"):
        exact(text, 200)
