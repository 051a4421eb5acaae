"""Letters without accents: what a search and an initial make of names."""

import pytest

from hydrobit.kit.folding import fold, initial


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Núñez  Ortiz", "nunez ortiz"),
        ("JOSÉ", "jose"),
        ("Jose\u0301", "jose"),
        ("Straße", "strasse"),
        ("Łukasz Sørensen", "lukasz sorensen"),
        ("Æbel", "aebel"),
        ("Жуков", "жуков"),
        ("\uff2a\uff33\uff10\uff13", "js03"),
        ("  ", ""),
    ],
)
def test_what_is_searched_has_no_accents_and_no_upper_case(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert fold(folded) == folded


@pytest.mark.parametrize(
    ("name", "letter"),
    [
        ("John", "J"),
        ("María José", "M"),
        ("Ángel", "A"),
        ("A\u0301ngel", "A"),
        ("Ñoño", "N"),
        ("Øystein", "O"),
        ("Łukasz", "L"),
        ("Æbel", "A"),
        ("ßo", "S"),
        ("O'Brien", "O"),
        ("'t Hooft", "T"),
        ("ʻOkina", "O"),  # noqa: RUF001
        ("de la Cruz", "D"),
        ("1. Pérez", "P"),
        ("Жуков", "Z"),
        ("Ёлкин", "I"),
        ("Ωνάσης", "O"),
        ("محمد", "M"),
        ("राम", "R"),
        ("김", "K"),
        ("さくら", "S"),
        ("张", None),
        ("42", None),
        ("🌾", None),
    ],
)
def test_an_initial_is_a_letter_of_a_to_z_or_none(name: str, letter: str | None) -> None:
    assert initial(name) == letter
