"""Lifting data URLs out of a body: what remains reads as before, and every text comes back as it was sent."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydrobit.errors import Refused
from hydrobit.wire import lifting
from hydrobit.wire.lifting import LIFTED_BYTES_MIN, Lifted, lift

REST_BYTES_MAX = 1024 * 1024
LONG = "data:audio/ogg;base64," + "QUJD" * 400
PIECES = ('"', "\\", "data:", '"data:', '\\"data:', ",", "é", "\u2028", LONG, "x" * 2_000)

texts = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
values = st.recursive(
    st.none() | st.integers(-5, 5) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


def put_back(value: Any, lifted: Lifted) -> Any:
    """A value of the rest with the texts in the place of their marks, names of members too."""
    match value:
        case dict():
            return {put_back(name, lifted): put_back(inner, lifted) for name, inner in value.items()}
        case list():
            return [put_back(inner, lifted) for inner in value]
        case str() if (text := lifted.marked(value)) is not None:
            return json.loads(bytes(text))
        case _:
            return value


@given(value=values, ascii_only=st.booleans())
def test_what_is_put_back_is_what_was_sent(value: Any, ascii_only: bool) -> None:
    lifted = lift(json.dumps(value, ensure_ascii=ascii_only).encode(), REST_BYTES_MAX)
    assert put_back(json.loads(lifted.rest), lifted) == value


@given(body=st.lists(st.sampled_from([*PIECES, "{", "}", "[", "]", ":", '"']), max_size=8).map("".join))
def test_what_was_no_json_is_none_afterwards_unless_the_fault_was_lifted_too(body: str) -> None:
    lifted = lift(body.encode(), REST_BYTES_MAX)
    assert is_json(body) == (is_json(lifted.rest) and all(is_json(bytes(text)) for text in lifted.texts))


def is_json(text: str | bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def test_long_data_urls_are_lifted_and_nothing_else() -> None:
    body = json.dumps({"a": LONG, "b": ["data:short", LONG], "c": "x" * 5_000, "d": f"say {LONG}"}).encode()
    lifted = lift(body, REST_BYTES_MAX)
    assert [json.loads(bytes(text)) for text in lifted.texts] == [LONG, LONG]
    rest = json.loads(lifted.rest)
    assert rest == {"a": "\0000", "b": ["data:short", "\0001"], "c": "x" * 5_000, "d": f"say {LONG}"}


def test_a_value_is_given_back_whole_whether_it_was_lifted_or_not() -> None:
    lifted = lift(json.dumps([LONG, "short", "\0007", 5]).encode(), REST_BYTES_MAX)
    whole = [bytes(lifted.whole(raw)) for raw in msgspec.json.decode(lifted.rest, type=list[msgspec.Raw])]
    assert whole == [json.dumps(LONG).encode(), b'"short"', b'"\\u00007"', b"5"]


@pytest.mark.parametrize("step", [1, 2, 5, 7, 64])
def test_texts_are_found_across_the_steps_of_the_search(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(lifting, "STEP_BYTES", step)
    lifted = lift(json.dumps(["x" * 9, LONG, LONG]).encode(), REST_BYTES_MAX)
    assert [json.loads(bytes(text)) for text in lifted.texts] == [LONG, LONG]


@pytest.mark.parametrize(
    "body",
    [
        b'["' + b"x" * 5_000 + b'"]',
        b'["data:' + b"x" * 5_000,
        b'["data:' + b'\\"' * 3_000 + b'"]',
        b'["data:"' + b',"data:x"' * 1_000 + b"]",
    ],
)
def test_a_rest_that_is_too_long_is_refused(body: bytes) -> None:
    with pytest.raises(Refused, match="Without its photos and media"):
        lift(body, 4_000)


def test_short_texts_stay() -> None:
    text = "data:" + "x" * (LIFTED_BYTES_MIN - 8)
    assert lift(json.dumps([text]).encode(), REST_BYTES_MAX).texts == ()
    assert len(lift(json.dumps([text + "x"]).encode(), REST_BYTES_MAX).texts) == 1
