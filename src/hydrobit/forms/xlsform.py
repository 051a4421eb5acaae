"""A form's definition from an XLSForm spreadsheet.

pyxform reads the sheets as it does for every server of the field: other names of columns and types, groups, choices,
languages. What comes out is turned into our definition here. What a form of ours cannot keep is refused where leaving
it out would change what may be answered, with its row and column; else it is passed over, with a sentence.
"""

import re
from collections import defaultdict
from typing import Any

from hydrobit.errors import Code, Refused
from hydrobit.forms import constraints, workbook
from hydrobit.forms.workbook import FIELD, Sheet

NAMED_MAX = 50
"""So many faults are named in one refusal."""
DEFAULT_TYPE = "inspection"
ROW, TYPE, SUBTYPE, SCALE = "hydrobit_row", "hydrobit_type", "hydrobit_subtype", "hydrobit_scale"
SEVERITY_MAX = 100

_SHEETS = ("survey", "choices", "settings", "external_choices", "entities")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_LABEL_ROWS = "reserved_name_for_field_list_labels_"
_TYPES = {
    "text": "text",
    "string": "text",
    "barcode": "text",
    "integer": "integer",
    "int": "integer",
    "decimal": "number",
    "select one": "choice",
    "select all that apply": "multichoice",
    "date": "date",
    "dateTime": "datetime",
    "datetime": "datetime",
    "geopoint": "location",
    "gps": "location",
    "photo": "photo",
    "audio": "audio",
    "acknowledge": "boolean",
    "trigger": "boolean",
    "boolean": "boolean",
}
_PASSED_TYPES = frozenset(
    {
        "note",
        "calculate",
        "hidden",
        "start",
        "end",
        "today",
        "deviceid",
        "subscriberid",
        "simserial",
        "phonenumber",
        "username",
        "email",
        "audit",
        "start-geopoint",
        "background-audio",
        "background-geopoint",
    }
)
"""They ask nothing: texts for the eye, and what a phone notes by itself."""
_PASSED_COLUMNS = ("default", "trigger", "parameters", "media", "guidance_hint", "actions")


def read(content: bytes) -> tuple[dict[str, Any], list[str]]:
    """The definition in an XLSX workbook, and sentences about what was passed over.

    Raises Refused naming every row and column that cannot be kept. Takes a while; call it off the event loop.
    """
    sheets = workbook.read(content, _SHEETS)
    if "survey" not in sheets:
        raise _refused(["there is no sheet survey"])
    return _Reading(_parsed(sheets)).definition()


def _parsed(sheets: dict[str, Sheet]) -> dict[str, Any]:
    """The form as pyxform understands it; each question knows its row."""
    from pyxform.errors import PyXFormError
    from pyxform.xls2json import workbook_to_json
    from pyxform.xls2json_backends import DefinitionData

    given: dict[str, Any] = {"sheet_names": list(sheets)}
    for name, sheet in sheets.items():
        if sheet.headers and any(sheet.rows):
            given[name], given[f"{name}_header"] = sheet.rows, [dict.fromkeys(sheet.headers)]
    given["survey"] = [
        row | {ROW: str(number)} if row else row for number, row in enumerate(sheets["survey"].rows, start=2)
    ]
    given["survey_header"] = [dict.fromkeys([*sheets["survey"].headers, ROW])]
    try:
        parsed: dict[str, Any] = workbook_to_json(DefinitionData(**given), form_name="data")
    except PyXFormError as e:
        raise _refused([f"this is no XLSForm: {' '.join(str(e).split())[:500]}".rstrip(".")]) from e
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError) as e:
        # pyxform trips over some sheets that it did not foresee
        raise _refused(["the sheets do not fit together as an XLSForm; check them with an XLSForm validator"]) from e
    return parsed | {"has_id": bool(given.get("settings"))}


class _Reading:
    """One form on its way: what was found to be wrong, and what was passed over."""

    def __init__(self, parsed: dict[str, Any]) -> None:
        self._parsed = parsed
        self._language = parsed.get("default_language", "default")
        self._faults: list[str] = []
        self._passed: list[str] = []
        self._passed_columns: dict[str, list[str]] = defaultdict(list)
        self._other_languages: set[str] = set()
        self._fields: list[dict[str, Any]] = []
        self._rows: dict[str, str] = {}

    def definition(self) -> tuple[dict[str, Any], list[str]]:
        """Raises Refused naming all faults."""
        found = self._settings()
        self._walk(self._parsed["children"], condition=None)
        if not self._fields and not self._faults:
            self._faults.append("the sheet survey asks no question that a form can hold")
        if self._faults:
            raise _refused(self._faults)
        return found | {"fields": self._fields}, self._sentences()

    def _settings(self) -> dict[str, Any]:
        parsed = self._parsed
        identity = parsed.get("id_string") if parsed["has_id"] else None
        if not identity or identity == "data":
            self._faults.append("settings, column form_id: is required; it becomes the form's _id")
        found = {
            "_id": identity,
            "name": self._text(parsed.get("title")) or identity,
            "type": parsed.get(TYPE) or DEFAULT_TYPE,
        }
        if parsed.get(SUBTYPE):
            found["subtype"] = parsed[SUBTYPE]
        if "version" in parsed:
            self._passed.append("settings, column version: passed over, the server numbers the versions itself")
        return found

    def _walk(self, nodes: list[dict[str, Any]], condition: str | None) -> None:
        for node in nodes:
            if node.get("control", {}).get("bodyless") or str(node.get("name", "")).startswith(_LABEL_ROWS):
                continue  # what pyxform itself puts in
            if node["type"] == "group":
                self._pass_columns(node)
                self._walk(node.get("children", []), _condition(node) or condition)
            elif node["type"] in ("repeat", "loop"):
                self._fault(node, "type", "a repeat cannot be kept; ask for one in each submission")
            else:
                self._question(node, condition)

    def _question(self, node: dict[str, Any], condition: str | None) -> None:
        kind = node["type"]
        bind = node.get("bind", {})
        if kind in _PASSED_TYPES or _is_true(bind.get("readonly")):
            self._passed.append(f"{_place(node)}: passed over, {kind} asks nothing")
            return
        if kind not in _TYPES:
            self._fault(node, "type", f"{kind!r} has no counterpart; take the row out")
            return
        field: dict[str, Any] = {"name": self._name(node), "label": self._text(node.get("label")) or node["name"]}
        field["type"] = self._type(node)
        if self._is_required(node, condition or _condition(node)):
            field["required"] = True
        if hint := self._text(node.get("hint")):
            field["hint"] = hint
        field |= self._details(node, field["type"])
        self._pass_columns(node)
        self._fields.append(field)

    def _name(self, node: dict[str, Any]) -> str:
        name = str(node.get("name", ""))
        if not _NAME.fullmatch(name):
            self._fault(node, "name", f"{name[:80]!r} must have 1 to 64 of the characters A-Z a-z 0-9 _ - .")
        elif name in self._rows:
            self._fault(
                node, "name", f"{name!r} stands in row {self._rows[name]} too; groups are left out, so rename it"
            )
        self._rows.setdefault(name, node.get(ROW, "?"))
        return name

    def _type(self, node: dict[str, Any]) -> str:
        wanted, kind = node.get(TYPE), _TYPES[node["type"]]
        if wanted == "pest" and kind == "integer":
            return "pest"
        if wanted is not None:
            self._fault(node, TYPE, f"{wanted!r} cannot be used; it may say pest in a row of type integer")
        if kind == "photo" and "signature" in _appearance(node):
            return "signature"
        return kind

    def _is_required(self, node: dict[str, Any], condition: str | None) -> bool:
        said = node.get("bind", {}).get("required", "no")
        is_required = _is_true(said)
        if not is_required and not _is_false(said):
            self._fault(node, "required", f"{said!r} depends on another answer and cannot be kept; write yes or no")
        if condition is not None and is_required:
            self._fault(node, "relevant", f"{condition!r} cannot be kept where an answer is required")
        elif condition is not None:
            self._passed_columns["relevant"].append(_row(node))
        return is_required

    def _details(self, node: dict[str, Any], kind: str) -> dict[str, Any]:
        details: dict[str, Any] = {}
        if kind in ("choice", "multichoice"):
            details["options"] = self._options(node)
        if kind == "pest" and SCALE in node:
            details["scale"] = self._scale(node)
        expression = node.get("bind", {}).get("constraint")
        if expression is None:
            return details
        try:
            if kind in ("integer", "number", "pest"):
                details |= constraints.of_number(expression, is_whole=kind != "number")
            elif kind == "text":
                details |= constraints.of_text(expression)
            else:
                raise ValueError(f"{expression!r} cannot be kept for {node['type']}")
        except ValueError as e:
            self._fault(node, "constraint", str(e))
        return details

    def _options(self, node: dict[str, Any]) -> list[dict[str, str]]:
        if "choice_filter" in node:
            self._fault(node, "choice_filter", "cannot be kept; write a list of its own for each case")
        choices = node.get("choices")
        if not choices:
            self._fault(node, "type", "has no list in the sheet choices")
            return []
        return [{"value": one["name"], "label": self._text(one.get("label")) or one["name"]} for one in choices]

    def _scale(self, node: dict[str, Any]) -> int:
        said = str(node[SCALE])
        if not (said.isascii() and said.isdigit() and 1 <= int(said) <= SEVERITY_MAX):
            self._fault(node, SCALE, f"{said[:80]!r} must be a whole number from 1 to {SEVERITY_MAX}")
            return 1
        return int(said)

    def _pass_columns(self, node: dict[str, Any]) -> None:
        for column in _PASSED_COLUMNS:
            if node.get(column):
                self._passed_columns[column].append(_row(node))
        for column in ("calculate", "jr:constraintMsg", "jr:requiredMsg"):
            if column in node.get("bind", {}):
                self._passed_columns[column].append(_row(node))
        if _appearance(node) - {"signature"}:
            self._passed_columns["appearance"].append(_row(node))

    def _text(self, said: Any) -> str | None:
        """A label in the language of the settings, else in the one without a name, else in the first."""
        if not isinstance(said, dict):
            return None if said is None else str(said)
        chosen = next((name for name in (self._language, "default") if name in said), next(iter(said)))
        self._other_languages |= {*said} - {chosen}
        return str(said[chosen])

    def _fault(self, node: dict[str, Any], column: str, sentence: str) -> None:
        self._faults.append(f"{_place(node)}, column {column}: {sentence}")

    def _sentences(self) -> list[str]:
        columns = [
            f"survey, column {_COLUMNS.get(column, column)}: passed over in row {', '.join(dict.fromkeys(rows))}"
            for column, rows in self._passed_columns.items()
        ]
        languages = ", ".join(sorted(self._other_languages))
        return self._passed + columns + ([f"other languages were passed over: {languages}"] if languages else [])


_COLUMNS = {"calculate": "calculation", "jr:constraintMsg": "constraint_message", "jr:requiredMsg": "required_message"}


def _condition(node: dict[str, Any]) -> str | None:
    found: str | None = node.get("bind", {}).get("relevant")
    return found


def _appearance(node: dict[str, Any]) -> set[str]:
    return set(str(node.get("control", {}).get("appearance", "")).split())


def _is_true(said: object) -> bool:
    return str(said or "").strip().lower() in ("yes", "true", "true()")


def _is_false(said: object) -> bool:
    return str(said).strip().lower() in ("no", "false", "false()")


def _place(node: dict[str, Any]) -> str:
    return f"survey row {_row(node)}"


def _row(node: dict[str, Any]) -> str:
    """The row; a question that pyxform adds for "other" has its name alone."""
    return str(node.get(ROW) or f"of {node.get('name')}")


def _refused(faults: list[str]) -> Refused:
    more = f"; and {len(faults) - NAMED_MAX} more" if len(faults) > NAMED_MAX else ""
    return Refused(Code.invalid_value, f"The form cannot be kept: {'; '.join(faults[:NAMED_MAX])}{more}.", field=FIELD)
