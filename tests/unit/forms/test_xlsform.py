from typing import Any

import pytest

from hydrobit.errors import Refused
from hydrobit.forms import xlsform
from tests.unit.forms.workbooks import SETTINGS, survey, workbook

CHOICES = [
    ["list_name", "name", "label"],
    ["vigour", "good", "Good"],
    ["vigour", "poor", "Poor"],
    ["signs", "spots", "Spots"],
    ["signs", "galls", "Galls"],
]


def fields_of(content: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = xlsform.read(content)[0]["fields"]
    return found


def only_field(*cells: object, columns: tuple[str, ...]) -> dict[str, Any]:
    (field,) = fields_of(survey(cells, columns=("type", "name", "label", *columns)))
    return field


def refusal(content: bytes) -> str:
    with pytest.raises(Refused) as caught:
        xlsform.read(content)
    assert caught.value.extra["field"] == "xlsform"
    return caught.value.detail


def test_a_form_in_the_style_of_public_examples_becomes_a_definition() -> None:
    content = workbook(
        survey=[
            ["type", "name", "label", "hint", "required", "constraint", "constraint_message", "appearance"],
            ["start", "start"],
            ["note", "welcome", "Welcome to the scouting form"],
            ["select_one vigour", "vigour", "How strong is the row?", "Look at ten plants", "yes"],
            ["select_multiple signs", "signs", "Which signs do you see?"],
            ["integer", "plants", "Plants looked at", None, "yes", ". >= 1 and . <= 500", "1 to 500"],
            ["geopoint", "place", "Where are you?", None, "true()"],
            ["image", "photo", "A photo of the row"],
            ["image", "signed", "Signature", None, None, None, None, "signature"],
        ],
        choices=CHOICES,
        settings=[["form_title", "form_id", "hydrobit_subtype"], ["Crop scouting", "form_scouting", "monitoring"]],
    )
    definition, passed_over = xlsform.read(content)
    assert definition == {
        "_id": "form_scouting",
        "name": "Crop scouting",
        "type": "inspection",
        "subtype": "monitoring",
        "fields": [
            {
                "name": "vigour",
                "label": "How strong is the row?",
                "type": "choice",
                "required": True,
                "hint": "Look at ten plants",
                "options": [{"value": "good", "label": "Good"}, {"value": "poor", "label": "Poor"}],
            },
            {
                "name": "signs",
                "label": "Which signs do you see?",
                "type": "multichoice",
                "options": [{"value": "spots", "label": "Spots"}, {"value": "galls", "label": "Galls"}],
            },
            {
                "name": "plants",
                "label": "Plants looked at",
                "type": "integer",
                "required": True,
                "minimum": 1,
                "maximum": 500,
            },
            {"name": "place", "label": "Where are you?", "type": "location", "required": True},
            {"name": "photo", "label": "A photo of the row", "type": "photo"},
            {"name": "signed", "label": "Signature", "type": "signature"},
        ],
    }
    assert passed_over == [
        "survey row 2: passed over, start asks nothing",
        "survey row 3: passed over, note asks nothing",
        "survey, column constraint_message: passed over in row 6",
    ]


@pytest.mark.parametrize(
    ("kind", "ours"),
    [
        ("text", "text"),
        ("barcode", "text"),
        ("integer", "integer"),
        ("decimal", "number"),
        ("date", "date"),
        ("dateTime", "datetime"),
        ("geopoint", "location"),
        ("image", "photo"),
        ("audio", "audio"),
        ("acknowledge", "boolean"),
    ],
)
def test_each_type_has_its_counterpart(kind: str, ours: str) -> None:
    assert only_field(kind, "a", "A", columns=())["type"] == ours


def test_a_count_of_a_pest_is_marked_by_a_column_of_its_own() -> None:
    columns = ("constraint", "hydrobit_type", "hydrobit_scale")
    found = only_field("integer", "aphids", "Aphids", ". >= 0", "pest", 4, columns=columns)
    assert found == {"name": "aphids", "label": "Aphids", "type": "pest", "scale": 4, "minimum": 0}


@pytest.mark.parametrize("scale", ["0", "2.5", "101", "five"])
def test_a_scale_is_a_small_whole_number(scale: str) -> None:
    columns = ("type", "name", "label", "hydrobit_type", "hydrobit_scale")
    told = refusal(survey(["integer", "aphids", "Aphids", "pest", scale], columns=columns))
    assert "survey row 2, column hydrobit_scale" in told


def test_only_a_whole_number_can_be_a_pest() -> None:
    told = refusal(survey(["text", "a", "A", "pest"], columns=["type", "name", "label", "hydrobit_type"]))
    assert "survey row 2, column hydrobit_type: 'pest'" in told


@pytest.mark.parametrize(
    ("kind", "constraint", "bounds"),
    [
        ("integer", ". >= 0 and . <= 100", {"minimum": 0, "maximum": 100}),
        ("integer", "(. > 0) and (. < 10)", {"minimum": 1, "maximum": 9}),
        ("integer", ".>0", {"minimum": 1}),
        ("integer", "0 <= . and 5 > .", {"minimum": 0, "maximum": 4}),
        ("integer", ". >= 0.5 and . <= 2.5", {"minimum": 1, "maximum": 2}),
        ("integer", ". >= -10 and . >= -3", {"minimum": -3}),
        ("decimal", ". >= 4.5 and . <= 9", {"minimum": 4.5, "maximum": 9}),
        ("text", "string-length(.) <= 20", {"lengthMax": 20}),
        ("text", "string-length( . ) < 20", {"lengthMax": 19}),
    ],
)
def test_bounds_are_kept(kind: str, constraint: str, bounds: dict[str, float]) -> None:
    found = only_field(kind, "a", "A", constraint, columns=("constraint",))
    assert {name: found[name] for name in found if name not in ("name", "label", "type")} == bounds


@pytest.mark.parametrize(
    ("kind", "constraint"),
    [
        ("integer", ". <= 10 or . = 99"),
        ("integer", ". mod 2 = 0"),
        ("integer", "not(. > 5)"),
        ("integer", ". >= 10 and . <= 5"),
        ("decimal", ". > 0"),
        ("text", "regex(., '[0-9]{10}')"),
        ("text", "string-length(.) >= 3"),
        ("text", "string-length(.) <= 0"),
        ("date", ". <= today()"),
        ("image", ". != ''"),
    ],
)
def test_a_constraint_that_cannot_be_kept_is_refused_with_its_row(kind: str, constraint: str) -> None:
    columns = ["type", "name", "label", "constraint"]
    told = refusal(survey(["text", "first", "First"], [], [kind, "a", "A", constraint], columns=columns))
    assert "survey row 4, column constraint: " in told


def test_groups_are_left_out_and_their_questions_stay_in_order() -> None:
    rows = [
        ["begin group", "outer", "Outer"],
        ["text", "a", "A"],
        ["begin group", "inner", "Inner"],
        ["text", "b", "B"],
        ["end group"],
        ["end group"],
        ["text", "c", "C"],
    ]
    assert [field["name"] for field in fields_of(survey(*rows))] == ["a", "b", "c"]


def test_two_questions_of_one_name_in_two_groups_are_refused() -> None:
    rows = [["begin group", "g", "G"], ["text", "a", "A"], ["end group"], ["text", "a", "A"]]
    assert "survey row 5, column name: 'a' stands in row 3 too" in refusal(survey(*rows))


def test_a_condition_is_passed_over_where_nothing_has_to_be_answered() -> None:
    columns = ["type", "name", "label", "required", "relevant"]
    definition, passed_over = xlsform.read(
        survey(["integer", "n", "N"], ["text", "why", "Why?", "no", "${n} > 3"], columns=columns)
    )
    assert [field["name"] for field in definition["fields"]] == ["n", "why"]
    assert passed_over == ["survey, column relevant: passed over in row 3"]


def test_a_condition_on_a_required_answer_is_refused_also_by_its_group() -> None:
    columns = ["type", "name", "label", "required", "relevant"]
    own = survey(["integer", "n", "N"], ["text", "why", "Why?", "yes", "${n} > 3"], columns=columns)
    assert "survey row 3, column relevant: '${n} > 3'" in refusal(own)
    rows: list[list[object]] = [
        ["integer", "n", "N"],
        ["begin group", "g", "G", None, "${n} > 3"],
        ["text", "why", "Why?", "yes"],
        ["end group"],
    ]
    assert "survey row 4, column relevant: '${n} > 3'" in refusal(survey(*rows, columns=columns))


def test_an_answer_that_is_required_now_and_then_is_refused() -> None:
    columns = ["type", "name", "label", "required"]
    told = refusal(survey(["integer", "n", "N"], ["text", "why", "Why?", "${n} > 3"], columns=columns))
    assert "survey row 3, column required" in told


def test_what_cannot_be_asked_is_refused_all_at_once() -> None:
    told = refusal(
        survey(
            ["begin repeat", "trees", "Trees"],
            ["text", "tree", "Tree"],
            ["end repeat"],
            ["video", "film", "Film"],
            ["time", "at", "At"],
        )
    )
    assert "row 2, column type: a repeat cannot be kept" in told
    assert "row 5, column type: 'video'" in told
    assert "row 6, column type: 'time'" in told


def test_a_filtered_list_is_refused() -> None:
    content = workbook(
        survey=[
            ["type", "name", "label", "choice_filter"],
            ["select_one vigour", "v", "V"],
            ["select_one signs", "s", "S", "vigour = ${v}"],
        ],
        choices=[[*CHOICES[0], "vigour"], *CHOICES[1:]],
        settings=SETTINGS,
    )
    assert "survey row 3, column choice_filter" in refusal(content)


def test_a_list_from_elsewhere_is_refused() -> None:
    told = refusal(survey(["select_one_from_file lots.csv", "lot", "Lot"]))
    assert "survey row 2, column type: has no list in the sheet choices" in told


def test_another_answer_becomes_an_option_and_a_text() -> None:
    content = workbook(
        survey=[["type", "name", "label"], ["select_one vigour or_other", "v", "V"]],
        choices=CHOICES,
        settings=SETTINGS,
    )
    choice, other = fields_of(content)
    assert [option["value"] for option in choice["options"]] == ["good", "poor", "other"]
    assert (other["name"], other["type"]) == ("v_other", "text")


def test_the_default_language_is_spoken_and_the_others_are_named() -> None:
    content = workbook(
        survey=[["type", "name", "label::English (en)", "label::Español (es)"], ["text", "a", "Row", "Surco"]],
        settings=[["form_title", "form_id", "default_language"], ["Crop", "form_a", "Español (es)"]],
    )
    definition, passed_over = xlsform.read(content)
    assert definition["fields"][0]["label"] == "Surco"
    assert passed_over == ["other languages were passed over: English (en)"]


def test_what_only_shows_or_fills_in_is_passed_over_by_its_columns() -> None:
    columns = ["type", "name", "label", "default", "appearance", "calculation"]
    content = survey(
        ["text", "a", "A", "x", "multiline"], ["calculate", "c", None, None, None, "1 + 1"], columns=columns
    )
    definition, passed_over = xlsform.read(content)
    assert definition["fields"] == [{"name": "a", "label": "A", "type": "text"}]
    assert passed_over == [
        "survey row 3: passed over, calculate asks nothing",
        "survey, column default: passed over in row 2",
        "survey, column appearance: passed over in row 2",
    ]


def test_a_form_without_an_id_is_refused() -> None:
    told = refusal(workbook(survey=[["type", "name", "label"], ["text", "a", "A"]]))
    assert "settings, column form_id: is required" in told


def test_a_form_that_asks_nothing_is_refused() -> None:
    assert "asks no question" in refusal(survey(["note", "n", "Hello"]))


def test_a_workbook_without_a_survey_is_refused() -> None:
    assert "there is no sheet survey" in refusal(workbook(crew=[["first_name"], ["Ana"]]))


def test_what_the_format_itself_forbids_is_told_in_its_own_words() -> None:
    assert "this is no XLSForm: [row : 2]" in refusal(survey(["text", "1 a", "A"]))
    assert "Unmatched" in refusal(survey(["begin group", "g", "G"], ["text", "a", "A"]))
