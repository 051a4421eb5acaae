"""The envelope of every answer (contract, "The envelope")."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from hydrobit.errors import CATALOGUE, Refused
from hydrobit.wire.fields import UNPROMISED, Instant, said

encode = msgspec.json.Encoder().encode
LIST_ON_LOOP_LENGTH_MAX = 1_000
"""A longer list is made and encoded beside the event loop."""


class Error(Struct, kw_only=True):
    """The one body of every answer that is not a success."""

    schema: ClassVar[dict[str, Any]] = {
        "example": {
            "status": "error",
            "message": "Error message description",
            "error": "Detailed error information",
        }
    }

    status: Annotated[str, said(example="error")] = "error"
    message: Annotated[str, said("Short text.", example="Error message description")]
    error: Annotated[
        str, said("Longer text: which field, which value, what to do.", example="Detailed error information")
    ]
    code: Annotated[str, said("A stable word to branch on.", example="session_closed", **UNPROMISED)]
    requestId: Annotated[str, said("Where to find the call in the server's log.", **UNPROMISED)]
    field: Annotated[str, said("The field that is wrong.")] | UnsetType = UNSET
    serverTime: Annotated[Instant, said("With `clock_ahead`: the server's clock.")] | UnsetType = UNSET
    existing: (
        Annotated[
            dict[str, Any],
            Meta(description="With 409: the record or session that stands in the way, where the caller may see it."),
        ]
        | UnsetType
    ) = UNSET
    held: (
        Annotated[
            bool,
            Meta(description="True when the refused record is kept for review and the client may forget it."),
        ]
        | UnsetType
    ) = UNSET
    heldId: Annotated[str, said("Of the record that is kept.")] | UnsetType = UNSET


def error(refused: Refused, request_id: str) -> Error:
    """The error body of a refusal."""
    return Error(
        message=CATALOGUE[refused.code].message,
        error=refused.detail,
        code=refused.code.value,
        requestId=request_id,
        **{name: value for name, value in refused.extra.items() if name in Error.__struct_fields__},  # type: ignore[arg-type]
    )


async def encoded(length: int, make: Callable[[], object]) -> Raw:
    """A shape that lists so many things, made and encoded; a long one beside the event loop."""
    if length <= LIST_ON_LOOP_LENGTH_MAX:
        return Raw(encode(make()))
    return Raw(await asyncio.to_thread(lambda: encode(make())))
