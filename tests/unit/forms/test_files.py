"""Definitions from files: JSON and YAML by their content, none of YAML's traps, every refusal a sentence."""

import json

import pytest

from hydrobit.errors import Refused
from hydrobit.forms import definition, files
from hydrobit.forms.definition import TYPES
from hydrobit.forms.files import FILE_BYTES_MAX
from tests.docs.pages import blocks

YAML = b"""
# the scouting form
_id: form_1
name: Scouting
type: inspection
fields:
  - {name: aphids, type: pest, maximum: 500}
  - name: vigour
    type: choice
    options:
      - value: "no"
        label: No growth
      - {value: good}
"""
FORM = {
    "_id": "form_1",
    "name": "Scouting",
    "type": "inspection",
    "fields": [
        {"name": "aphids", "type": "pest", "maximum": 500},
        {"name": "vigour", "type": "choice", "options": [{"value": "no", "label": "No growth"}, {"value": "good"}]},
    ],
}


@pytest.mark.parametrize("name", ["form.yaml", "form.yml", "FORM.YAML", "form.json"])
@pytest.mark.parametrize("content", [YAML, json.dumps(FORM).encode(), b"\xef\xbb\xbf" + json.dumps(FORM).encode()])
def test_json_and_yaml_are_told_apart_by_their_content(name: str, content: bytes) -> None:
    assert files.read(name, content) == (FORM, [])


def bomb() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "must hold one object"),
        (b"[1, 2]", "must hold one object"),
        (b"just words", "must hold one object"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"\x00\x01", "is neither JSON nor YAML"),
        (b"name: [1, 2", "is neither JSON nor YAML: .*, line 1"),
        (b"a: 1\nb: 2\na: 3", "a stands twice, line 1"),
        (b"--- {a: 1}\n--- {b: 2}", "is neither JSON nor YAML"),
        (bomb(), r"references \(\*name\) are not taken, line 2"),
        (b"a: &a\n  b: *a", "references"),
        (b"a: !!python/object/apply:os.system ['true']", "is neither JSON nor YAML: could not determine a constructor"),
        (b"a: 2025-99-99", "is neither JSON nor YAML"),
        (b"[" * 5_000, "is neither JSON nor YAML"),
        (b"x" * (FILE_BYTES_MAX + 1), f"may have at most {FILE_BYTES_MAX} bytes"),
    ],
)
def test_what_is_no_definition_is_refused_in_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        files.read("form.yaml", content)


def test_another_kind_of_file_is_refused() -> None:
    with pytest.raises(Refused, match=r"must end in one of \.json, \.yaml, \.yml"):
        files.read("form.pdf", b"{}")


def test_yaml_that_reads_words_as_other_types_is_told_to_quote_them() -> None:
    found, _ = files.read("form.yaml", YAML.replace(b'"no"', b"no"))
    with pytest.raises(Refused, match=r"options\[0\]\.value must be a text; in YAML put it in quotes"):
        definition.read(found)


def test_the_form_in_the_how_to_has_a_field_of_every_type() -> None:
    (form,) = (block.text for block in blocks("forms.md") if block.kind == "yaml file=scouting.yaml")
    found, _ = files.read("form.yaml", form.encode())
    assert {field.type for field in definition.read(found).fields} == set(TYPES)
