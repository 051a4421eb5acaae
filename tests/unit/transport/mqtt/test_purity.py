"""Codec and session can be tried without a network: they and all that they import know no socket, no clock, no loop."""

import ast
from pathlib import Path

HOUSE = Path(__file__).parents[4] / "src"
STANDARD = {"collections", "collections.abc", "dataclasses", "enum", "functools", "struct", "typing"}
MAY_IMPORT = STANDARD | {"msgspec", "hydrobit.errors"}
ROOM = "hydrobit.transport.mqtt"


def imports(module: str) -> set[str]:
    text = (HOUSE / Path(*module.split("."))).with_suffix(".py").read_text("utf-8")
    found = set()
    for statement in ast.walk(ast.parse(text)):
        if isinstance(statement, ast.Import):
            found |= {name.name for name in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module == ROOM:
            found |= {f"{ROOM}.{name.name}" for name in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            found.add(str(statement.module))
    return found


def test_codec_and_session_import_nothing_that_reaches_out() -> None:
    waiting, seen, outside = {f"{ROOM}.session"}, set[str](), set[str]()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        for name in imports(module):
            if name.startswith(ROOM):
                waiting |= {name} - seen
            else:
                outside.add(name)
    assert outside == MAY_IMPORT
    assert {f"{ROOM}.codec", f"{ROOM}.packets", f"{ROOM}.properties"} <= seen
