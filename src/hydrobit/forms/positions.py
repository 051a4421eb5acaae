"""A position in degrees WGS 84, read from two JSON numbers."""

import math

import msgspec
from msgspec import Raw

from hydrobit.errors import Code, Refused
from hydrobit.projects.boundaries import DECIMALS
from hydrobit.wire import fields

_NUMBER_LENGTH_MAX = 64


class Position(msgspec.Struct, frozen=True):
    """Degrees, with as many decimals as boundaries have (a centimetre)."""

    latitude: float
    longitude: float

    @property
    def is_no_fix(self) -> bool:
        """Whether it is 0,0 in the open sea, which a GPS says before it has found anything."""
        return self.latitude == 0 == self.longitude


def read(latitude: Raw, longitude: Raw, prefix: str = "") -> Position | None:
    """The position; None where both numbers were left out. Raises Refused naming the field, also where one is."""
    left_out = fields.left_out(latitude), fields.left_out(longitude)
    if all(left_out):
        return None
    if any(left_out):
        name = "latitude" if left_out[0] else "longitude"
        raise Refused(
            Code.missing_field, f"{prefix}{name} is missing; latitude and longitude go together.", field=prefix + name
        )
    return Position(_degrees(latitude, f"{prefix}latitude", 90), _degrees(longitude, f"{prefix}longitude", 180))


def _degrees(raw: Raw, field: str, most: int) -> float:
    sent = bytes(raw)
    fields.require_number(sent, field)
    value = float(sent) if len(sent) <= _NUMBER_LENGTH_MAX else math.inf
    if not abs(value) <= most:
        raise fields.invalid(field, f"must lie between -{most} and {most} degrees")
    return round(value, DECIMALS) + 0.0
