"""Exact amounts: units, prices and bonuses as whole millionths (contract, "Reading a request").

No binary float stands between the wire and a sum: the number's own text is read, kept as an integer, summed as
an integer and written back as text.
"""

import re
from decimal import Decimal, InvalidOperation, localcontext
from functools import lru_cache

from msgspec import Raw

MILLION = 1_000_000
TEXT_LENGTH_MAX = 64
_NOISE = Decimal("1e-9")
_MILLIONTH = Decimal("1e-6")
_NUMBER = re.compile(rb"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_EXPONENT_MAX = 30


def read_amount(text: bytes) -> int:
    """Whole millionths of a JSON number's text.

    A tail past six decimals that rounds away by less than 1e-9 is the noise of a client's float and is rounded; any
    other longer tail is refused. Raises ValueError with a sentence for the caller.
    """
    if len(text) <= 7 and text.isdigit():
        return int(text) * MILLION
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a JSON number")
    if len(text) > TEXT_LENGTH_MAX:
        raise ValueError(f"must be a number of at most {TEXT_LENGTH_MAX} characters")
    return _millionths(text.decode("ascii"))


def _millionths(text: str) -> int:
    with localcontext(prec=TEXT_LENGTH_MAX + 40):
        try:
            exact = Decimal(text)
        except InvalidOperation as e:
            raise ValueError("is a number too large or too small to be an amount") from e
        if exact == 0:
            return 0
        if exact.adjusted() > _EXPONENT_MAX:
            raise ValueError("is a number too large to be an amount")
        if exact.adjusted() < -_EXPONENT_MAX:
            return 0
        rounded = exact.quantize(_MILLIONTH)
        if abs(rounded - exact) >= _NOISE:
            raise ValueError("must have at most 6 decimals")
        return int(rounded.scaleb(6))


def exact_text(text: bytes, length_max: int) -> str:
    """The plain decimal text of a JSON number, shortest and with all of its decimals: `21.5` of `2.150e1`.

    Raises ValueError with a sentence for the caller.
    """
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a JSON number")
    if len(text) > length_max:
        raise ValueError(f"must be a number of at most {length_max} characters")
    with localcontext(prec=length_max):
        try:
            exact = Decimal(text.decode("ascii"))
        except InvalidOperation as e:
            raise ValueError("is a number too large or too small") from e
        if exact and abs(exact.adjusted()) > _EXPONENT_MAX:
            raise ValueError("is a number too large or too small")
        return f"{exact.normalize():f}" if exact else "0"


def percentage(part: int, whole: int) -> int:
    """What percentage of the whole the part is: in millionths, rounded half up to two decimals; 0 of nothing."""
    return (2 * part * 10_000 + whole) // (2 * whole) * (MILLION // 100) if whole else 0


@lru_cache(maxsize=4_096)
def write_amount(millionths: int) -> Raw:
    """The shortest JSON number of an amount: `5`, `2.5`, `-0.000001`."""
    return Raw(amount_text(millionths).encode("ascii"))


def amount_text(millionths: int) -> str:
    """The shortest decimal text of an amount, for sentences and tables."""
    whole, rest = divmod(abs(millionths), MILLION)
    decimals = f".{rest:06d}".rstrip("0") if rest else ""
    return f"{'-' if millionths < 0 else ''}{whole}{decimals}"
