"""Shapes of the audit log."""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from hydrobit.wire.fields import Instant, Success, said


def _object(description: str) -> Meta:
    return Meta(extra_json_schema={"description": description, "type": "object"})


class AuditEntry(Struct, kw_only=True):
    """One change. What it says of a person may have been erased; the line stays."""

    auditNo: Annotated[int, Meta(description="Counts up by one within the company.", examples=[17])]
    at: Instant
    actor: Annotated[str, said("Who did it; `operator` at the command line.", example="user_123456789")]
    action: Annotated[str, said("What was done.", example="user.change")]
    subject: Annotated[str, said("The id of what was changed.", example="user_987654321")]
    before: Annotated[Raw, _object("Left out where there was nothing.")] | UnsetType = UNSET
    after: Annotated[Raw, _object("Left out where there is nothing.")] | UnsetType = UNSET


class AuditPage(Struct, kw_only=True):
    """A page of the log, latest first."""

    items: list[AuditEntry]
    next: Annotated[int, Meta(description="Send it as `before` to read on; left out on the last page.")] | UnsetType = (
        UNSET
    )


class AuditPageEnvelope(Struct, kw_only=True):
    status: Success = "success"
    data: AuditPage
