"""The row of the audit log."""

import msgspec
from msgspec import UNSET

from hydrobit.audit import store
from hydrobit.audit.store import Change
from hydrobit.kit.instants import write_instant
from hydrobit.operation import ADMINS, LIMIT_QUERY, Call, Context, Http, Operation, Parameter, Repeat, Reply
from hydrobit.wire.audit import AuditEntry, AuditPage, AuditPageEnvelope

NUMBER_MAX = 999_999_999
"""Past every number that a log reaches and that a parameter may have."""


async def list_audit(context: Context, call: Call) -> Reply:
    before, length = call.query.get("before", NUMBER_MAX), call.query.get("limit", 25)
    found = await context.engine.read(store.page, call.caller.company, before, length)
    reads_on = len(found) == length and found[-1].audit_no > 1
    page = AuditPage(items=list(map(_entry, found)), next=found[-1].audit_no if reads_on else UNSET)
    return Reply(200, AuditPageEnvelope(data=page))


def _entry(change: Change) -> AuditEntry:
    return AuditEntry(
        auditNo=change.audit_no,
        at=write_instant(change.at),
        actor=change.actor,
        action=change.action,
        subject=change.subject,
        before=UNSET if change.before is None else msgspec.json.decode(change.before),
        after=UNSET if change.after is None else msgspec.json.decode(change.after),
    )


OPERATIONS = (
    Operation(
        name="listAudit",
        tag="Administration",
        summary="Read who changed what",
        description=(
            "Every change of the company's users, keys, projects, forms and workers, latest first, with what was there "
            "before and after it. No line is ever taken out; what one says of a person may be erased."
        ),
        http=Http("GET", "/api/control/admin/audit", {200: "One page."}),
        handler=list_audit,
        answer=AuditPageEnvelope,
        roles=ADMINS,
        repeat=Repeat.reads,
        errors=(),
        parameters=(
            Parameter(
                "before",
                "query",
                False,
                18,
                "Only entries with a smaller auditNo: `next` of the page before.",
                {"type": "integer", "minimum": 1, "maximum": NUMBER_MAX},
            ),
            LIMIT_QUERY,
        ),
    ),
)
