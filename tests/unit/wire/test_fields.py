"""The fields that several shapes share: each refusal names its field and says what would do."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from hydrobit.errors import Code, Refused
from hydrobit.wire import fields

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)


def read_or_refused(read: Callable[..., str], *values: object) -> str | Refused:
    try:
        return read(*values)
    except Refused as refused:
        return refused


def refusal(read: Callable[..., object], *values: object) -> Refused:
    with pytest.raises(Refused) as refused:
        read(*values)
    return refused.value


@given(ANY_TEXT)
def test_every_text_becomes_a_worker_id_or_a_refusal_that_names_it(sent: str) -> None:
    outcome = read_or_refused(fields.worker_id, sent)
    if isinstance(outcome, Refused):
        assert outcome.extra == {"field": "workerId"}
    else:
        assert 1 <= len(outcome) <= 64
        assert ":" not in outcome
        assert fields.worker_id(outcome) == outcome, "the id that an answer shows is the id"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("js0315", "JS0315"), ("  JS0315\t", "JS0315"), ("n\N{COMBINING TILDE}0101", "Ñ0101"), ("ß1", "SS1")],
)
def test_a_worker_id_is_stripped_composed_and_in_upper_case(sent: str, kept: str) -> None:
    assert fields.worker_id(sent) == kept


@pytest.mark.parametrize("sent", ["ß" * 40, "x" * 65, "a:b", "a\x00b", "a\ud800"])
def test_a_worker_id_that_cannot_be_used_is_refused(sent: str) -> None:
    assert refusal(fields.worker_id, sent).code is Code.invalid_value


@pytest.mark.parametrize("sent", ["", " ", "\t\n", "\N{NO-BREAK SPACE}"])
def test_blank_counts_as_missing(sent: str) -> None:
    assert refusal(fields.worker_id, sent).code is Code.missing_field
    assert refusal(fields.text, sent, "sector_name").code is Code.missing_field
    assert fields.optional_text(sent, "notes") is None


@pytest.mark.parametrize("sent", ["", " ", "\N{NO-BREAK SPACE}"])
def test_a_blank_key_counts_as_missing(sent: str) -> None:
    assert refusal(fields.key, sent, "clientEventId").code is Code.missing_field


@given(ANY_TEXT)
def test_a_key_is_kept_to_the_letter_or_refused(sent: str) -> None:
    outcome = read_or_refused(fields.key, sent, "clientEventId")
    assert outcome == sent or isinstance(outcome, Refused)


def test_a_key_has_at_most_200_characters() -> None:
    assert fields.key("k" * 200, "clientEventId") == "k" * 200
    assert "at most 200" in refusal(fields.key, "k" * 201, "clientEventId").detail


@pytest.mark.parametrize(
    ("sent", "kind"),
    [(b'"5"', "a text"), (b"true", "a boolean"), (b"{}", "an object"), (b"[1]", "a list")],
)
def test_an_amount_of_another_type_says_what_was_sent(sent: bytes, kind: str) -> None:
    refused = refusal(fields.amount, Raw(sent), "units", 0, 10)
    assert refused.code is Code.wrong_type
    assert refused.detail == f"units must be a JSON number, not {kind}."


@pytest.mark.parametrize("sent", [b"-0.000001", b"10.000001", b"1e999999999", b"-1", b"0.0000001"])
def test_an_amount_out_of_bounds_is_refused(sent: bytes) -> None:
    assert refusal(fields.amount, Raw(sent), "units", 0, 10).code is Code.invalid_value


@pytest.mark.parametrize(("sent", "millionths"), [(b"0", 0), (b"10", 10_000_000), (b"-0", 0), (b"9.999999", 9_999_999)])
def test_both_bounds_of_an_amount_are_allowed(sent: bytes, millionths: int) -> None:
    assert fields.amount(Raw(sent), "units", 0, 10) == millionths


@pytest.mark.parametrize("sent", [b"12", b"12.0", b"1.2e1", b"12.0000000000000001"])
def test_twelve_is_a_whole_number_however_it_is_written(sent: bytes) -> None:
    assert fields.whole(Raw(sent), "maxDurationHours", 1, 72) == 12


def test_a_broken_number_is_not_whole() -> None:
    assert "whole number" in refusal(fields.whole, Raw(b"12.5"), "maxDurationHours", 1, 72).detail


@pytest.mark.parametrize(
    "sent", [b"5", b"[]", b'"text"', b"true", b'{"a":1e999}', b'{"a":"%s"}' % (b"x" * 100), b'{"a":"\xff"}']
)
def test_an_open_object_that_cannot_be_kept_is_refused_by_name(sent: bytes) -> None:
    assert refusal(fields.open_object, Raw(sent), "evidence", 100).extra == {"field": "evidence"}


@given(st.integers(1, 1_200))
def test_an_open_object_of_any_depth_is_kept_or_refused(depth: int) -> None:
    sent = Raw(b'{"a":' * depth + b"1" + b"}" * depth)
    if depth <= fields.OBJECT_DEPTH_MAX:
        assert fields.open_object(sent, "evidence", 10_000)
    else:
        assert "nested" in refusal(fields.open_object, sent, "evidence", 10_000).detail
