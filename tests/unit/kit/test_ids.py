"""Public ids: one spelling each, and none given twice by two lives of a store."""

from hypothesis import given
from hypothesis import strategies as st

from hydrobit.kit import ids

NUMBERS = st.integers(0, 2**32 - 1)


@given(NUMBERS, NUMBERS)
def test_a_record_id_is_read_back_as_its_numbers(prefix: int, seq: int) -> None:
    assert ids.read_record_id(ids.record_id(prefix, seq)) == (False, prefix, seq)
    assert ids.read_record_id(ids.void_id(prefix, seq)) == (True, prefix, seq)


@given(NUMBERS, NUMBERS)
def test_ids_have_the_published_form(prefix: int, seq: int) -> None:
    assert len(ids.record_id(prefix, seq)) == len("rec_") + 16
    assert len(ids.void_id(prefix, seq)) == len("rec_void_") + 16
    session = ids.session_id(1_760_860_800_000, prefix, seq)
    assert len(session) == 24
    assert int(session, 16) >= 0


@given(st.tuples(NUMBERS, NUMBERS), st.tuples(NUMBERS, NUMBERS))
def test_two_numbers_never_share_an_id(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (ids.record_id(*one) == ids.record_id(*other)) == (one == other)
    assert (ids.held_id(*one) == ids.held_id(*other)) == (one == other)
    assert ids.record_id(*one) != ids.void_id(*other)


@given(st.text(max_size=40) | st.from_regex(r"\A(rec_|rec_void_|REC_)[0-9a-fA-F]{15,17}\Z"))
def test_a_text_that_is_read_as_an_id_is_that_id_to_the_letter(text: str) -> None:
    found = ids.read_record_id(text)
    if found is not None:
        is_void, prefix, seq = found
        assert text == (ids.void_id if is_void else ids.record_id)(prefix, seq)
