"""The rows of dead letters: messages of devices that were refused, to be listed, read and handed in anew."""

from base64 import b64encode
from typing import Any

from msgspec import UNSET, Raw

from hydrobit.audit.service import author_of
from hydrobit.devices import letters, store
from hydrobit.devices.store import KeptLetter
from hydrobit.errors import Code, Refused
from hydrobit.kit.instants import write_instant
from hydrobit.operation import ADMINS, PAGING, Call, Context, Http, Letter, Operation, Parameter, Repeat, Reply
from hydrobit.wire import dead_letters as wire
from hydrobit.wire.body import Body
from hydrobit.wire.envelope import encode


async def list_letters(context: Context, call: Call) -> Reply:
    (page, page_size), status = call.page, call.query.get("status")
    total, found = await context.engine.read(store.page_of_letters, call.caller.company, status, page, page_size)
    items = [wire.DeadLetter(**_letter(letter)) for letter in found]
    data = wire.DeadLetterPage(total=total, page=page, pageSize=page_size, items=items)
    return Reply(200, wire.DeadLetterPageEnvelope(data=data))


async def read_letter(context: Context, call: Call) -> Reply:
    letter, payload = await context.engine.read(letters.require, call.caller.company, call.path["letterId"])
    text, encoding = _as_text(payload)
    data = wire.WholeDeadLetter(payload=text, payloadEncoding=encoding, **_letter(letter))  # type: ignore[arg-type]
    return Reply(200, wire.DeadLetterEnvelope(data=data))


async def replay_letter(context: Context, call: Call) -> Reply:
    company, name = call.caller.company, call.path["letterId"]
    kept, payload = await context.engine.read(letters.require, company, name)
    if context.redeliver is None:
        raise Refused(Code.unavailable, "This server takes no messages, so that it cannot hand one in anew.")
    letter = Letter(company, kept.subject, kept.device_id, kept.client_id, kept.topic, payload)
    reply = await context.redeliver(letter)
    if letters.is_final(reply.status):
        await context.engine.write(letters.settle, author_of(context, call), name, reply.status)
    data = wire.ReplayedDeadLetter(
        letterId=name,
        statusCode=reply.status,
        settled=letters.is_final(reply.status),
        answer=UNSET if reply.body is None else Raw(encode(reply.body)),
    )
    return Reply(200, wire.ReplayedDeadLetterEnvelope(data=data, ignored=call.ignored_or_unset))


def _as_text(payload: bytes) -> tuple[str, str]:
    """What stands in a letter as text, and how it was made one."""
    try:
        return payload.decode(), "utf-8"
    except UnicodeDecodeError:
        return b64encode(payload).decode(), "base64"


def _letter(letter: KeptLetter) -> dict[str, Any]:
    return {
        "letterId": letters.letter_id(letter.letter_no),
        "status": "waiting" if letter.replayed_at is None else "replayed",
        "receivedAtUtc": write_instant(letter.received_at),
        "auth0Id": letter.subject,
        "deviceId": letter.device_id or UNSET,
        "clientId": letter.client_id,
        "topic": letter.topic,
        "payloadBytes": letter.length,
        "code": letter.code,
        "error": letter.detail,
        "requestId": letter.request_id,
        "replayedAtUtc": UNSET if letter.replayed_at is None else write_instant(letter.replayed_at),
        "replayStatus": UNSET if letter.replay_status is None else letter.replay_status,
    }


TAG = "IoT Endpoint"
LETTERS = "/api/control/iot/dead-letters"
LETTER_ID = Parameter("letterId", "path", True, "letter_17")

OPERATIONS = (
    Operation(
        name="listDeadLetters",
        tag=TAG,
        summary="List messages that were refused",
        description=(
            "Messages that had to be acknowledged although they were refused, since MQTT 3.1.1 knows no refusal; "
            "latest first. One that nobody saw to is never thrown away."
        ),
        http=Http("GET", LETTERS, {200: "One page."}),
        handler=list_letters,
        answer=wire.DeadLetterPageEnvelope,
        roles=ADMINS,
        repeat=Repeat.reads,
        errors=(),
        parameters=(
            Parameter(
                "status",
                "query",
                False,
                "waiting",
                "Only those that wait, or only those that somebody saw to.",
                {"type": "string", "enum": ["waiting", "replayed"]},
            ),
            *PAGING,
        ),
    ),
    Operation(
        name="readDeadLetter",
        tag=TAG,
        summary="Read a message that was refused",
        description="All that is known of it, and what stands in it.",
        http=Http("GET", LETTERS + "/{letterId}", {200: "The letter."}),
        handler=read_letter,
        answer=wire.DeadLetterEnvelope,
        roles=ADMINS,
        repeat=Repeat.reads,
        errors=(Code.dead_letter_not_found,),
        parameters=(LETTER_ID,),
    ),
    Operation(
        name="replayDeadLetter",
        tag=TAG,
        summary="Hand a refused message in anew",
        description=(
            "As if its sender sent it now, and with what the sender may do now. The answer tells what became of it; "
            "unless that may pass by itself, the letter is settled, also by another refusal."
        ),
        http=Http("POST", LETTERS + "/{letterId}/replay", {200: "What became of it."}, body_required=False),
        handler=replay_letter,
        request=Body(wire.DeadLetterReplay),
        answer=wire.ReplayedDeadLetterEnvelope,
        roles=ADMINS,
        repeat=Repeat.as_sent,
        errors=(Code.dead_letter_not_found,),
        parameters=(LETTER_ID,),
    ),
)
