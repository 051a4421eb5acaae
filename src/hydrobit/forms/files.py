"""A form's definition from a file: JSON, YAML or an XLSForm spreadsheet, chosen by the end of its name.

YAML comes without its traps: only plain values, no references (a small file could unpack to a huge one), and no member
that stands twice. What reads YAML and spreadsheets is imported where it is needed: a start without it is shorter.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import msgspec

from hydrobit.errors import Code, Refused

FILE_BYTES_MAX = 1024 * 1024
Definition = dict[str, Any]


def read(name: str, content: bytes) -> tuple[Definition, list[str]]:
    """The definition that a file holds, not checked yet, and a sentence for each thing in it that was passed over.

    Raises Refused, with a sentence that goes on after the file's name.
    """
    ending = PurePath(name).suffix.lower()
    if ending not in _READERS:
        raise Refused(Code.invalid_value, f"must end in one of {', '.join(_READERS)}.")
    return _READERS[ending](content)


def _written(content: bytes) -> tuple[Definition, list[str]]:
    """JSON or YAML, whichever it is: some write JSON into a .yaml file, and the other way round."""
    if len(content) > FILE_BYTES_MAX:
        raise Refused(Code.invalid_value, f"may have at most {FILE_BYTES_MAX} bytes.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise Refused(Code.invalid_value, "is not UTF-8.") from e
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        found = _yaml(text)
    if not isinstance(found, dict):
        raise Refused(Code.invalid_value, "must hold one object: _id, name, type, fields.")
    return found, []


def _yaml(text: str) -> Any:
    import yaml

    class PlainLoader(yaml.SafeLoader):
        """No references, no member twice."""

        def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
            if self.check_event(yaml.events.AliasEvent):
                place = self.peek_event().start_mark  # type: ignore[no-untyped-call]
                raise yaml.composer.ComposerError(None, None, "references (*name) are not taken", place)
            return super().compose_node(parent, index)

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            twice = next((name for name, times in Counter(names).items() if times > 1), None)
            if twice is not None:
                raise yaml.constructor.ConstructorError(None, None, f"{twice} stands twice", node.start_mark)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, PlainLoader)  # a SafeLoader
    except yaml.MarkedYAMLError as e:
        place = f", line {e.problem_mark.line + 1}" if e.problem_mark else ""
        raise Refused(Code.invalid_value, f"is neither JSON nor YAML: {e.problem}{place}.") from e
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise Refused(Code.invalid_value, "is neither JSON nor YAML.") from e


def _spreadsheet(content: bytes) -> tuple[Definition, list[str]]:
    from hydrobit.forms import xlsform

    return xlsform.read(content)


_READERS: dict[str, Callable[[bytes], tuple[Definition, list[str]]]] = {
    ".json": _written,
    ".yaml": _written,
    ".yml": _written,
    ".xlsx": _spreadsheet,
}
