"""The envelope of every answer (contract, "The envelope")."""

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from hydrobit.errors import CATALOGUE, Refused
from hydrobit.wire.fields import Instant

encode = msgspec.json.Encoder().encode

SUCCESS = "success"


class Error(Struct, kw_only=True):
    """The one body of every answer that is not a success."""

    status: str = "error"
    message: str
    error: str
    code: str
    requestId: str
    field: str | UnsetType = UNSET
    serverTime: Instant | UnsetType = UNSET
    existing: dict[str, Any] | UnsetType = UNSET
    held: bool | UnsetType = UNSET
    heldId: str | UnsetType = UNSET


def error(refused: Refused, request_id: str) -> Error:
    """The error body of a refusal."""
    return Error(
        message=CATALOGUE[refused.code].message,
        error=refused.detail,
        code=refused.code.value,
        requestId=request_id,
        **{name: value for name, value in refused.extra.items() if name in Error.__struct_fields__},  # type: ignore[arg-type]
    )
