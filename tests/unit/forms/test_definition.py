"""A form's definition: read to the last member, every fault told by its path."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydrobit.errors import Refused
from hydrobit.forms import definition
from hydrobit.forms.definition import DEFINITION_BYTES_MAX, FIELDS_MAX, OPTIONS_MAX, ROLES, TYPES

Json = dict[str, Any]
GOOD: Json = {"_id": "form_1", "name": "Scouting", "type": "inspection", "fields": [{"name": "a", "type": "text"}]}
OPTIONS = [{"value": "good", "label": "Good"}, {"value": "poor"}]


def with_field(**members: Any) -> Json:
    return GOOD | {"fields": [{"name": "a"} | members]}


def fault(given: object) -> tuple[str, str]:
    """The sentence of a refusal, and the path of its first fault."""
    with pytest.raises(Refused) as raised:
        definition.read(given)
    return str(raised.value), str(raised.value.extra["field"])


_MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "minimum": st.integers(0, 10) | st.floats(0, 10).map(lambda number: round(number, 6)),
    "maximum": st.integers(11, 99),
    "lengthMax": st.integers(1, 2_000),
    "scale": st.integers(1, 1_000),
    "options": st.lists(st.sampled_from("abcdef"), min_size=1, unique=True).map(
        lambda values: [{"value": value} for value in values]
    ),
}


@st.composite
def fields(draw: st.DrawFn) -> Json:
    kind = draw(st.sampled_from(TYPES))
    own = definition._OWN.get(kind, ())
    chosen = [name for name in own if name == "options" or draw(st.booleans())]
    common = draw(st.fixed_dictionaries({}, optional={"label": st.just("A"), "required": st.booleans()}))
    return {"type": kind} | common | {name: draw(_MEMBERS[name]) for name in chosen}


@given(given=st.lists(fields(), min_size=1, max_size=8), roles=st.none() | st.sets(st.sampled_from(ROLES), min_size=1))
def test_a_stored_definition_reads_as_the_same(given: list[Json], roles: set[str] | None) -> None:
    named = [{"name": f"f{number}"} | one for number, one in enumerate(given)]
    read = definition.read(GOOD | {"fields": named, "roles": None if roles is None else list(roles)})
    assert definition.stored(read.text()) == read
    assert definition.stored(read.text()).text() == read.text()
    assert set(read.roles) == (roles or set(ROLES))


def test_equal_definitions_have_equal_texts() -> None:
    other = {"roles": list(reversed(ROLES)), "fields": [{"type": "text", "name": "a", "label": " a ", "hint": None}]}
    assert definition.read(GOOD).text() == definition.read(GOOD | other).text()


@pytest.mark.parametrize(
    ("given", "path", "sentence"),
    [
        (None, "definition", "must be an object"),
        ([], "definition", "must be an object"),
        ({}, "definition.name", "is required"),
        (GOOD | {"_id": " "}, "definition._id", "is required"),
        (GOOD | {"_id": "x" * 201}, "definition._id", "must have at most 200 characters"),
        (GOOD | {"name": 5}, "definition.name", "must be a text"),
        (GOOD | {"type": "a\0b"}, "definition.type", "control character"),
        (GOOD | {"version": 2}, "definition.version", "is no member"),
        (GOOD | {"fields": []}, "definition.fields", "at least one field"),
        (GOOD | {"fields": {}}, "definition.fields", "at least one field"),
        (GOOD | {"fields": GOOD["fields"] * 2}, "definition.fields", "name a more than once"),
        (GOOD | {"fields": GOOD["fields"] * (FIELDS_MAX + 1)}, "definition.fields", f"at most {FIELDS_MAX} fields"),
        (GOOD | {"fields": ["a"]}, "definition.fields[0]", "must be an object"),
        (GOOD | {"roles": []}, "definition.roles", "must be a list of some of"),
        (GOOD | {"roles": ["owner"]}, "definition.roles", "must be a list of some of"),
        (GOOD | {"roles": "admin"}, "definition.roles", "must be a list of some of"),
        (with_field(), "definition.fields[0].type", "must be one of text"),
        (with_field(type="colour"), "definition.fields[0].type", "must be one of text"),
        (with_field(type=["text"]), "definition.fields[0].type", "must be one of text"),
        (with_field(type="text", name="a b"), "definition.fields[0].name", "1 to 64 of the characters"),
        (with_field(type="text", name="é"), "definition.fields[0].name", "1 to 64 of the characters"),
        (with_field(type="text", name="x" * 65), "definition.fields[0].name", "1 to 64 of the characters"),
        (with_field(type="text", required="yes"), "definition.fields[0].required", "must be true or false"),
        (with_field(type="text", minimum=1), "definition.fields[0].minimum", "no member of a field of type text"),
        (with_field(type="text", lengthMax=0), "definition.fields[0].lengthMax", "must be a whole number from 1"),
        (with_field(type="text", lengthMax=2_001), "definition.fields[0].lengthMax", "must be a whole number from 1"),
        (with_field(type="text", lengthMax=True), "definition.fields[0].lengthMax", "must be a whole number from 1"),
        (with_field(type="number", minimum="1"), "definition.fields[0].minimum", "must be a number"),
        (with_field(type="number", minimum=True), "definition.fields[0].minimum", "must be a number"),
        (with_field(type="number", minimum=0.1234567), "definition.fields[0].minimum", "at most 6 decimals"),
        (with_field(type="number", maximum=10**13), "definition.fields[0].maximum", "must lie between"),
        (with_field(type="number", maximum=float("nan")), "definition.fields[0].maximum", "must be a JSON number"),
        (with_field(type="number", minimum=2, maximum=1), "definition.fields[0].minimum", "must not be above maximum"),
        (with_field(type="pest", minimum=-1), "definition.fields[0].minimum", "must lie between 0"),
        (with_field(type="pest", scale=0), "definition.fields[0].scale", "must be a whole number from 1"),
        (with_field(type="choice"), "definition.fields[0].options", "at least one option"),
        (with_field(type="choice", options=[]), "definition.fields[0].options", "at least one option"),
        (with_field(type="choice", options=["good"]), "definition.fields[0].options[0]", "must be an object"),
        (with_field(type="choice", options=[{}]), "definition.fields[0].options[0].value", "is required"),
        (with_field(type="choice", options=[{"value": True}]), "definition.fields[0].options[0].value", "quotes"),
        (with_field(type="choice", options=OPTIONS * 2), "definition.fields[0].options", "good more than once"),
        (with_field(type="choice", options=OPTIONS * OPTIONS_MAX), "definition.fields[0].options", "at most 1000"),
        (with_field(type="choice", options=[{"value": "a", "x": 1}]), "definition.fields[0].options[0].x", "no member"),
    ],
)
def test_a_fault_is_told_by_its_path(given: object, path: str, sentence: str) -> None:
    told, first = fault(given)
    assert first == path
    assert sentence in told


def test_all_faults_are_told_at_once() -> None:
    told, _ = fault({"_id": 5, "fields": [{"name": "a", "type": "x"}, {"name": "b", "type": "text", "scale": 5}]})
    for path in ("definition._id", "definition.name", "fields[0].type", "fields[1].scale"):
        assert path in told


def test_many_faults_are_told_up_to_a_limit() -> None:
    told, _ = fault(GOOD | {"fields": [{"name": f"f{number}"} for number in range(60)]})
    assert told.endswith("; and 10 more.")


def test_a_definition_that_is_too_long_is_refused() -> None:
    options = [{"value": f"{number:0200}"} for number in range(OPTIONS_MAX)]
    told, first = fault(with_field(type="choice", options=options))
    assert (first, str(DEFINITION_BYTES_MAX) in told) == ("definition", True)


def test_the_id_may_be_left_out_where_it_is_known() -> None:
    nameless = {name: value for name, value in GOOD.items() if name != "_id"}
    assert definition.read(nameless, "form_1") == definition.read(GOOD)
    with pytest.raises(Refused, match="must be form_2, or be left out"):
        definition.read(GOOD, "form_2")
