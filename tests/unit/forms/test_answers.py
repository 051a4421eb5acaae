"""Answers against their form: whatever is sent, it is read as its field says or refused by its name."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydrobit.errors import Code, Refused
from hydrobit.forms import answers, definition, reading
from hydrobit.forms.answers import ANSWERS_BYTES_MAX, Checked
from hydrobit.forms.definition import TYPES
from hydrobit.forms.reading import Filled
from hydrobit.kit.amounts import MILLION
from hydrobit.wire.forms import SubmissionBody

NOW = 1_760_000_000_000
AHEAD_HOURS_MAX = 24
OPTIONS = {"options": [{"value": "good"}, {"value": "poor"}]}
FORM = definition.read(
    {
        "_id": "form_1",
        "name": "Everything",
        "type": "x",
        "fields": [
            {"name": kind, "type": kind} | (OPTIONS if kind in ("choice", "multichoice") else {}) for kind in TYPES
        ],
    }
)
_decode = SubmissionBody().decode
REFUSALS = {Code.wrong_type, Code.invalid_value, Code.missing_field, Code.invalid_json}

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars | st.sampled_from(["good", "2025-10-09", "2025-10-09T10:00:00Z", "data:audio/wav;base64,QUJD"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "severity", "latitude", "longitude", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def filled(values: dict[str, Any], **changes: Any) -> Filled:
    given = [{"field": name, "value": value} for name, value in values.items()]
    record = {"_id": "form_1", "auth0Id": "u", "type": "x", "form_values": given} | changes
    submission, _ = _decode(json.dumps({"record": record}).encode())
    return reading.filled(submission, NOW, AHEAD_HOURS_MAX)


def checked(values: dict[str, Any]) -> Checked:
    return answers.check(FORM, filled(values))


@given(kind=st.sampled_from(TYPES), value=values)
def test_any_value_of_any_field_is_read_or_refused_by_the_name_of_its_field(kind: str, value: Any) -> None:
    found, refused = outcome({kind: value})
    if refused is not None:
        assert refused.code in REFUSALS
        assert str(refused.extra["field"]).startswith(f"form_values.{kind}")
    assert [name for name, _ in found] in ([], [kind])


def outcome(values: dict[str, Any]) -> tuple[list[tuple[str, Any]], Refused | None]:
    try:
        return checked(values).values, None
    except Refused as refused:
        return [], refused


@given(number=st.integers(-(10**12), 10**12), decimals=st.integers(0, 10**6 - 1))
def test_a_number_is_written_back_as_it_was_sent(number: int, decimals: int) -> None:
    text = f"{number}.{decimals:06d}".rstrip("0").rstrip(".")
    if abs(number) == 10**12 and decimals:
        return
    record = f'{{"_id": "f", "auth0Id": "u", "type": "x", "form_values": [{{"field": "number", "value": {text}}}]}}'
    submission, _ = _decode(f'{{"record": {record}}}'.encode())
    ((_, value),) = answers.check(FORM, reading.filled(submission, NOW, AHEAD_HOURS_MAX)).values
    assert bytes(value).decode() == ("0" if text == "-0" else text)


@given(count=st.integers(0, 10**6), severity=st.none() | st.integers(0, 5))
def test_a_pest_answer_is_an_observation(count: int, severity: int | None) -> None:
    value = count if severity is None else {"value": count, "severity": severity}
    (seen,) = checked({"pest": value}).observations
    assert (seen.variable, seen.name, seen.scale) == ("pest", "pest", 5 * MILLION)
    assert (seen.value, seen.severity) == (count * MILLION, None if severity is None else severity * MILLION)


SAME: list[tuple[Any, Any]] = [(5, 5.0), (5, 50e-1), ({"value": 5}, {"value": 5.0})]
OTHER: list[tuple[Any, Any]] = [(5, "5"), (5, 6), (0, False), (1, True), ([1], 1), ("x", "x "), (0.1, 0.2)]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_equal_content_has_equal_digests(first: Any, second: Any) -> None:
    assert filled({"a": first}).content_digest == filled({"a": second}).content_digest


@pytest.mark.parametrize(("first", "second"), OTHER)
def test_other_content_has_another_digest(first: Any, second: Any) -> None:
    assert filled({"a": first}).content_digest != filled({"a": second}).content_digest


def test_what_was_left_out_does_not_change_the_content() -> None:
    plain = filled({"a": 1})
    said = filled({"a": 1, "b": None}, latitude=0, longitude=0, version=1, taskId="t", inicio=None, form_id="form_1")
    assert plain.content_digest == said.content_digest


@pytest.mark.parametrize("character", ["A", "\\u0041", "\u00e9", "\\ud83d\\ude00"])
@pytest.mark.parametrize("length", [70, 90, 160, 1_010, 1_030, 5_000])
def test_a_text_has_one_digest_however_it_is_escaped(character: str, length: int) -> None:
    def digest(escaped: bool) -> bytes:
        text = json.loads(f'"data:{character * length}"')
        value = json.dumps(text, ensure_ascii=escaped).replace("A", "\\u0041" if escaped else "A")
        values = f'[{{"field": "text", "value": {value}}}]'
        body = f'{{"record": {{"_id": "f", "auth0Id": "u", "type": "x", "form_values": {values}}}}}'
        submission, _ = _decode(body.encode())
        return reading.filled(submission, NOW, AHEAD_HOURS_MAX).content_digest

    assert digest(True) == digest(False)


def test_answers_that_are_too_long_together_are_refused() -> None:
    fields = [{"name": f"f{number}", "type": "text"} for number in range(300)]
    form = definition.read({"_id": "f", "name": "f", "type": "x", "fields": fields})
    with pytest.raises(Refused, match=f"at most {ANSWERS_BYTES_MAX} bytes"):
        answers.check(form, filled({f"f{number}": "x" * 1_000 for number in range(300)}))
