"""The rows of the company keys."""

from typing import Any

from msgspec import UNSET, UnsetType

from hydrobit.company_keys import reading, secret, service, store
from hydrobit.errors import Code
from hydrobit.kit.instants import write_instant
from hydrobit.operation import ADMINS, PAGING, Call, Context, Http, Operation, Parameter, Repeat, Reply
from hydrobit.wire.body import Body
from hydrobit.wire.company_keys import (
    AddedCompanyKey,
    AddedCompanyKeyEnvelope,
    CompanyKey,
    CompanyKeyEnvelope,
    CompanyKeyInput,
    CompanyKeyPage,
    CompanyKeyPageEnvelope,
    CompanyKeyRevocation,
)


async def add_key(context: Context, call: Call) -> Reply:
    wish, key = reading.wish(call.body, call.now), secret.make(context.random)
    added = await context.engine.write(
        service.add_key, call.caller.company, call.caller.user_id, key, wish, call.now, context.random
    )
    data = AddedCompanyKey(key=key.text, **_members(added, call.now))
    return Reply(201, AddedCompanyKeyEnvelope(data=data, ignored=list(call.ignored) or UNSET))


async def list_keys(context: Context, call: Call) -> Reply:
    page, page_size = call.page
    total, found = await context.engine.read(store.page, call.caller.company, page, page_size)
    items = [CompanyKey(**_members(key, call.now)) for key in found]
    return Reply(
        200, CompanyKeyPageEnvelope(data=CompanyKeyPage(total=total, page=page, pageSize=page_size, items=items))
    )


async def revoke_key(context: Context, call: Call) -> Reply:
    revoked = await context.engine.write(
        service.revoke_key,
        call.caller.company,
        call.caller.user_id,
        call.path["keyId"],
        call.now,
        context.random,
    )
    data = CompanyKey(**_members(revoked, call.now))
    return Reply(200, CompanyKeyEnvelope(data=data, ignored=list(call.ignored) or UNSET))


def _members(key: store.CompanyKey, now: int) -> dict[str, Any]:
    return {
        "keyId": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "status": key.status(now),
        "createdAt": write_instant(key.created_at),
        "createdBy": key.created_by,
        "expiresAt": _instant(key.expires_at),
        "lastUsedAt": _instant(key.last_used_at),
        "revokedAt": _instant(key.revoked_at),
    }


def _instant(at: int | None) -> str | UnsetType:
    return UNSET if at is None else write_instant(at)


TAG = "Administration"
PATH = "/api/control/admin/keys"

OPERATIONS = (
    Operation(
        name="addKey",
        tag=TAG,
        summary="Add a company key",
        description=(
            "Adds a key for a machine and shows it this once; what is stored cannot be turned back into it. A name "
            "belongs to one key that is not revoked, so that a repeat after a lost answer is told."
        ),
        http=Http("POST", PATH, {201: "Added; the answer has the key."}),
        handler=add_key,
        request=Body(CompanyKeyInput),
        answer=AddedCompanyKeyEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.name_taken,),
        request_examples={"packingHouse": {"name": "Packing house", "scopes": ["read:production"]}},
    ),
    Operation(
        name="listKeys",
        tag=TAG,
        summary="List the company's keys",
        description="Every key with its scopes and when it was last used, revoked ones too, latest first; no tokens.",
        http=Http("GET", PATH, {200: "One page."}),
        handler=list_keys,
        answer=CompanyKeyPageEnvelope,
        roles=ADMINS,
        repeat=Repeat.reads,
        errors=(),
        parameters=(*PAGING,),
    ),
    Operation(
        name="revokeKey",
        tag=TAG,
        summary="Revoke a company key",
        description="The key is refused for ever, within seconds on every server. The line of it stays.",
        http=Http("POST", PATH + "/{keyId}/revoke", {200: "Revoked."}, body_required=False),
        handler=revoke_key,
        request=Body(CompanyKeyRevocation),
        answer=CompanyKeyEnvelope,
        roles=ADMINS,
        repeat=Repeat.by_state,
        errors=(Code.company_key_not_found,),
        parameters=(Parameter("keyId", "path", True, "key_1f2e3d4c5b6a7980"),),
    ),
)
