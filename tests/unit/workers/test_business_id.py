"""Business ids: initials, then month and day of the hire date."""

import pytest

from hydrobit.workers.business_id import base, numbered


@pytest.mark.parametrize(
    ("first_name", "last_name", "hire_date", "worker_id"),
    [
        ("John", "Smith", "2025-03-15", "JS0315"),
        ("María José", "de la Cruz Ortiz", "2024-12-01", "MD1201"),
        ("Ángel", "Ñúñez", "2020-02-29", "AN0229"),
        ("Ian", "O'Brien", "2025-01-01", "IO0101"),
        ("Иван", "Жуков", "2025-01-01", "IZ0101"),
        ("伟", "张", "2025-01-01", "XX0101"),
        ("7", "!", "2025-01-01", "XX0101"),
    ],
)
def test_the_id_is_made_of_initials_and_day(first_name: str, last_name: str, hire_date: str, worker_id: str) -> None:
    assert base(first_name, last_name, hire_date) == worker_id


def test_the_first_of_an_id_has_no_number() -> None:
    assert [numbered("JS0315", number) for number in (1, 2, 10)] == ["JS0315", "JS0315-2", "JS0315-10"]
