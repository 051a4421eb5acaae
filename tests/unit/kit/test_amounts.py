"""Amounts are exact from the wire to the sum and back."""

import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydrobit.kit.amounts import MILLION, amount_text, exact_text, percentage, read_amount, write_amount

SUMMABLE = st.integers(-(2**63) + 1, 2**63 - 1)
SIXTH_DECIMALS = st.integers(0, 1_000_000 * MILLION)


@given(SUMMABLE)
def test_an_amount_that_is_written_is_read_back_as_itself(millionths: int) -> None:
    assert read_amount(bytes(write_amount(millionths))) == millionths


@given(SUMMABLE)
def test_what_is_written_is_a_json_number_with_the_exact_value(millionths: int) -> None:
    written = json.loads(bytes(write_amount(millionths)), parse_int=Decimal, parse_float=Decimal)
    assert written == Decimal(millionths) / MILLION


@given(SUMMABLE)
def test_no_shorter_plain_number_says_the_same(millionths: int) -> None:
    text = amount_text(millionths)
    assert not ("." in text and text[-1] in ".0")
    assert not text.startswith(("00", "-00", "+", "."))


@given(SIXTH_DECIMALS)
def test_the_nearest_binary_float_of_an_amount_is_read_as_that_amount(millionths: int) -> None:
    assert read_amount(repr(millionths / MILLION).encode()) == millionths


@given(st.lists(st.integers(0, 1_000 * MILLION), max_size=20))
def test_a_scale_that_adds_in_floats_is_understood(bins: list[int]) -> None:
    assert read_amount(repr(sum((part / MILLION for part in bins), 0.0)).encode()) == sum(bins)


@given(SIXTH_DECIMALS, st.integers(-12, 12))
def test_an_exponent_says_the_same_as_the_plain_number(millionths: int, exponent: int) -> None:
    shifted = Decimal(millionths).scaleb(-6 - exponent)
    assert read_amount(f"{shifted:f}e{exponent}".encode()) == millionths


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"18.950000000000003", "18.95"),
        (b"0.30000000000000004", "0.3"),
        (b"1.0000000009", "1"),
        (b"0.9999999991", "1"),
        (b"5", "5"),
        (b"2.50", "2.5"),
        (b"0.000001", "0.000001"),
        (b"1e3", "1000"),
        (b"1E+3", "1000"),
        (b"15e-1", "1.5"),
        (b"12.0", "12"),
        (b"-0", "0"),
        (b"-0.0", "0"),
        (b"1e-300", "0"),
        (b"0e999999999", "0"),
    ],
)
def test_a_number_is_kept_exactly_or_without_the_noise_of_a_float(sent: bytes, kept: str) -> None:
    assert amount_text(read_amount(sent)) == kept


@pytest.mark.parametrize("sent", [b"0.0000001", b"1.0000005", b"18.9500001", b"1.000000001", b"1e-7", b"-0.000000001"])
def test_a_seventh_decimal_that_is_no_noise_is_refused(sent: bytes) -> None:
    with pytest.raises(ValueError, match="at most 6 decimals"):
        read_amount(sent)


@pytest.mark.parametrize(
    "sent",
    [b"1e999999999", b"-1e999999999", b"1e99999999999999999999", b"1e31", b"9" * 50, b"1." + b"0" * 100, b"1" * 5_000],
)
def test_a_number_beyond_every_amount_is_refused_without_building_it(sent: bytes) -> None:
    with pytest.raises(ValueError, match=r"too large|at most 64 characters"):
        read_amount(sent)


@pytest.mark.parametrize("sent", [b"NaN", b"Infinity", b"-Infinity", b'"5"', b"true", b"", b"-", b"1.", b".5", b"+1"])
def test_what_is_no_json_number_is_refused(sent: bytes) -> None:
    with pytest.raises(ValueError, match="must be a JSON number"):
        read_amount(sent)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(sent: bytes) -> None:
    with suppress(ValueError):
        assert isinstance(read_amount(sent), int)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"21.50", "21.5"),
        (b"-0.0", "0"),
        (b"1e3", "1000"),
        (b"2.150E1", "21.5"),
        (b"-1.25e-7", "-0.000000125"),
        (b"23.437521839100001", "23.437521839100001"),
    ],
)
def test_an_exact_number_keeps_every_decimal_in_one_spelling(sent: bytes, kept: str) -> None:
    assert exact_text(sent, 64) == kept


@pytest.mark.parametrize(
    "sent", [b"NaN", b"1" * 65, b"1e31", b"1e-31", b"1e999999999", b"1e999999999999999999999", b'"5"', b""]
)
def test_what_is_no_number_of_bounds_is_no_exact_number(sent: bytes) -> None:
    with pytest.raises(ValueError, match=r"must be a|too large"):
        exact_text(sent, 64)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**12), max_value=10**12))
def test_an_exact_number_is_the_number_that_was_sent(number: Decimal) -> None:
    kept = exact_text(str(number).encode(), 64)
    assert Decimal(kept) == number
    assert exact_text(kept.encode(), 64) == kept


@pytest.mark.parametrize(
    ("units", "total", "percent"),
    [
        (1, 3, 33.33),
        (2, 3, 66.67),
        (1, 8, 12.5),
        (1, 16, 6.25),
        (1, 32, 3.13),
        (5, 100_000, 0.01),
        (0, 0, 0),
        (0, 5, 0),
    ],
)
def test_a_percentage_is_rounded_half_up(units: int, total: int, percent: float) -> None:
    assert percentage(units, total) == round(percent * 1_000_000)


def test_a_percentage_is_exact_where_a_float_would_not_be() -> None:
    total = 10**17
    assert percentage(total // 200, total) == 500_000
    assert percentage(total // 20_000 - 1, total) == 0
    assert percentage(total // 20_000, total) == 10_000
