"""Samples say what their row says; that they run as printed is for `make samples`, and for a few of them here."""

import ast
import json
import shlex
from typing import Any

import pytest

from hydrobit.catalog import OPERATIONS
from hydrobit.operation import Operation
from hydrobit.publish import samples
from hydrobit.publish.samples import LANGUAGES, Language

ROWS = {row.name: row for row in OPERATIONS}
PLAIN = [row for row in OPERATIONS if 101 not in row.http.statuses]
_LANGUAGES = {language.key: language for language in LANGUAGES}


def example(row: Operation) -> Any:
    text = samples.payload(row)
    return None if text is None else json.loads(text)


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.key)
def test_every_row_has_a_sample_and_no_mark_of_a_template_is_left_in_it(language: Language) -> None:
    for row in OPERATIONS:
        text = samples.sample(row, language)
        assert text.endswith("\n")
        assert "{{" not in text.replace("{{}}", ""), row.name
        assert samples.BASE in text, row.name


def test_a_command_of_curl_has_the_rows_method_address_and_body() -> None:
    for row in PLAIN:
        words = shlex.split(samples.sample(row, _LANGUAGES["curl"]))
        method = "HEAD" if "--head" in words else words[words.index("--request") + 1]
        body = json.loads(words[words.index("--data") + 1]) if "--data" in words else None
        assert (method, body) == (row.http.method, example(row))
        assert samples.url_of(row) in words
        assert f"Authorization: Bearer {samples.TOKEN}" in words


def test_a_program_in_python_has_the_rows_method_address_and_body() -> None:
    for row in PLAIN:
        tree = ast.parse(samples.sample(row, _LANGUAGES["python"]))
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        assert {row.http.method, samples.url_of(row), f"Bearer {samples.TOKEN}"} <= set(texts)
        bodies = [
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "body"
        ]
        assert bodies == ([] if example(row) is None else [example(row)])
