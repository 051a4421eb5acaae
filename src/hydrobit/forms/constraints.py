"""XLSForm constraints that a form can keep: bounds of a number, and the greatest length of a text."""

import math
import re
from decimal import Decimal

Bounds = dict[str, int | float]

LENGTH_MAX = 1_000
_NUMBER = r"-?\d{1,15}(?:\.\d{1,6})?"
_SIGN = r"(<=|>=|<|>)"
_VALUE_FIRST = re.compile(rf"\.\s*{_SIGN}\s*({_NUMBER})", re.ASCII)
_NUMBER_FIRST = re.compile(rf"({_NUMBER})\s*{_SIGN}\s*\.", re.ASCII)
_LENGTH = re.compile(r"string-length\(\s*\.?\s*\)\s*(<=|<)\s*(\d{1,6})", re.ASCII)
_AND = re.compile(r"\band\b", re.ASCII)
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def of_number(expression: str, is_whole: bool) -> Bounds:
    """`minimum` and `maximum`, both inclusive, of an expression such as `. >= 0 and . <= 100`.

    Raises ValueError with a sentence for what cannot be kept: of numbers that are not whole also `<` and `>`, since
    no number is the greatest below a bound.
    """
    bounds: dict[str, Decimal] = {}
    for part in _parts(expression):
        sign, number = _comparison(part)
        name = "minimum" if sign.startswith(">") else "maximum"
        bound = _inclusive(sign, number) if is_whole else number
        if not is_whole and len(sign) == 1:
            raise ValueError(f"a decimal cannot be held to {part!r}; write {sign}= with the last value that is allowed")
        known = bounds.get(name, bound)
        bounds[name] = max(known, bound) if name == "minimum" else min(known, bound)
    if bounds.get("minimum", Decimal("-Infinity")) > bounds.get("maximum", Decimal("Infinity")):
        raise ValueError("no value fits it")
    return {name: int(bound) if bound == int(bound) else float(bound) for name, bound in bounds.items()}


def of_text(expression: str) -> Bounds:
    """`lengthMax` of an expression such as `string-length(.) <= 20`. Raises ValueError with a sentence."""
    lengths = []
    for part in _parts(expression):
        match = _LENGTH.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} cannot be kept; a text may only be held to string-length(.) <= number")
        lengths.append(int(match[2]) - (match[1] == "<"))
    if not 1 <= min(lengths) <= LENGTH_MAX:
        raise ValueError(f"a text's greatest length must lie between 1 and {LENGTH_MAX}")
    return {"lengthMax": min(lengths)}


def _parts(expression: str) -> list[str]:
    return [_bare(part) for part in _AND.split(_bare(expression))]


def _bare(part: str) -> str:
    """Without the brackets around it, and the blanks."""
    part = part.strip()
    if part.startswith("(") and part.endswith(")") and ")" not in part[:-1]:
        return part[1:-1].strip()
    return part


def _comparison(part: str) -> tuple[str, Decimal]:
    """The sign and number of a part, with the answer on the left."""
    if match := _VALUE_FIRST.fullmatch(part):
        return match[1], Decimal(match[2])
    if match := _NUMBER_FIRST.fullmatch(part):
        return _TURNED[match[2]], Decimal(match[1])
    raise ValueError(f"{part!r} cannot be kept; only bounds such as . >= 0 and . <= 100 can")


def _inclusive(sign: str, bound: Decimal) -> Decimal:
    """The outermost whole number that a bound allows."""
    if sign.startswith(">"):
        return Decimal(math.floor(bound) + 1 if sign == ">" else math.ceil(bound))
    return Decimal(math.ceil(bound) - 1 if sign == "<" else math.floor(bound))
