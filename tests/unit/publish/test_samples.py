"""Samples say what their row says; that they run as printed is for `make samples`, and for a few of them here."""

import ast
import json
import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from hydrobit.catalog import OPERATIONS
from hydrobit.operation import Operation
from hydrobit.publish import samples
from hydrobit.publish.samples import LANGUAGES, Language
from tests.samples import hard

ROWS = {row.name: row for row in OPERATIONS}
PLAIN = [row for row in OPERATIONS if 101 not in row.http.statuses]
_LANGUAGES = {language.key: language for language in LANGUAGES}


TEXTS: dict[str, tuple[str, str, Callable[[str], str]]] = {
    "java": (r'"""\n', r'(?<!\\)"""', lambda text: text.replace("\\\\", "\\")),
    "csharp": (r'Body = @"', r'";\n', lambda text: text.replace('""', '"')),
    "go": (r"body = `", r"`\n\nfunc", lambda text: text.replace('` + "`" + `', "`")),
    "r": (r'r"-*\(', r'\)-*"\n', lambda text: text),
}
"""What stands before and after a body that is written as a text, and how its signs are read back."""


def example(row: Operation) -> Any:
    text = samples.payload(row)
    return None if text is None else json.loads(text)


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.key)
def test_every_row_has_a_sample_and_no_mark_of_a_template_is_left_in_it(language: Language) -> None:
    for row in OPERATIONS:
        text = samples.sample(row, language)
        assert text.endswith("\n")
        assert not [line for line in text.splitlines() if line != line.rstrip()], row.name
        assert "{{" not in text.replace("{{}}", ""), row.name
        assert samples.BASE in text, row.name


@pytest.mark.parametrize("key", ["java", "csharp", "go", "r"])
def test_a_body_in_a_text_of_the_language_is_the_example(key: str) -> None:
    begin, end, back = TEXTS[key]
    for row in [*OPERATIONS, hard.row()]:
        if example(row) is not None:
            text = samples.sample(row, _LANGUAGES[key])
            written = re.search(f"(?s)(?:{begin})(.*?)(?:{end})", text)
            assert written is not None, row.name
            assert json.loads(back(written[1])) == example(row)


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
