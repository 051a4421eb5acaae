"""Rules about sending again: when it has to be, how, when not yet, and when never."""

from collections.abc import Iterator

from hydrobit.certify.counts import MEMBERS, Given, units_of
from hydrobit.certify.findings import Finding, at_the_begin, refusals
from hydrobit.certify.seen import Carried, Request, Seen

EARLY_S_MAX = 0.05
"""So much earlier than it was asked for a request may come: clocks are read at two places."""
UNDER_WAY_S = 0.1
"""What comes so soon after the answer to another one was on its way before it."""
TRIES_WITHOUT_TOKEN_MAX = 3
"""So often a client may try again with a token that was refused."""


def asks_again(seen: Seen) -> Iterator[Finding]:
    """Nobody takes a count for stored before the server has said so."""
    for count in seen.counts:
        sent = list(seen.sendings(count))
        if not sent or not seen.records_of(count) or seen.heard(count) is not None:
            continue
        request = sent[-1][0]
        if request.fault is not None and not _looked(seen, count, request):
            yield Finding(
                f"{count.event_id}: {request} {request.fault.words}, and nobody asked again. This time it was stored; "
                "the client could not know. Send the same again until the server's own answer comes.",
                (request.number,),
            )


def _looked(seen: Seen, count: Given, after: Request) -> bool:
    """Whether the client asked for the key of a count in the place of sending it again."""
    return any(
        request.number > after.number and "check-idempotency" in request.path and count.event_id in request.path
        for request in seen.requests
    )


def same_again(seen: Seen) -> Iterator[Finding]:
    """A count is sent again as it was sent first: the same event id, the same content."""
    for count in seen.counts:
        sent = list(seen.sendings(count))
        for request, carried in sent[1:]:
            first, said = sent[0]
            if different := _difference(said, carried):
                name, before, now = different
                yield Finding(
                    f"{count.event_id} went out with {name} {before} in {first}, and with {now} in {request}. Keep "
                    "what you sent, and repeat it to the letter: event id and content tell a repeat from a new count.",
                    (first.number, request.number),
                )
                break


def _difference(first: Carried, again: Carried) -> tuple[str, object, object] | None:
    """The first member that says something else. `sentAtUtc` is said of the sending, and may differ."""
    for name in MEMBERS:
        before, now = first.said.get(name), again.said.get(name)
        if before != now and not (name == "units" and units_of(first.said) == units_of(again.said)):
            return name, before, now
    return None


def waits_as_asked(seen: Seen) -> Iterator[Finding]:
    """After `Retry-After` nobody comes before that time is over."""
    for asking in seen.requests:
        if asking.fault is None or asking.fault.retry_after_s is None or asking.answered_at is None:
            continue
        seconds = asking.fault.retry_after_s
        for request in seen.requests:
            after = request.at - asking.answered_at
            if _under_way(asking, request) < after < seconds - EARLY_S_MAX:
                yield Finding(
                    f"{at_the_begin(asking)} was answered with {asking.status} and Retry-After: {seconds}; {request} "
                    f"came {after:.1f} s later. Send nothing to this server until so many seconds have passed.",
                    (asking.number, request.number),
                )
                break


def _under_way(asking: Request, request: Request) -> float:
    """How long after an answer a request may still come that was sent before it; a repeat never was."""
    counts = {carried.count for carried in asking.counts}
    return 0 if any(carried.count in counts for carried in request.counts) else UNDER_WAY_S


def never_again(seen: Seen) -> Iterator[Finding]:
    """What was refused for good is not sent again as it is."""
    for refusal in refusals(seen):
        heard_at = refusal.request.answered_at
        again = [
            request
            for request, carried in seen.sendings(refusal.count)
            if heard_at is not None and request.at > heard_at and _difference(refusal.carried, carried) is None
        ]
        if again:
            often = "" if len(again) == 1 else f", {len(again)} times"
            yield Finding(
                f"{refusal.count.event_id} was refused with {refusal.outcome} in {refusal.request}, and sent again as "
                f"it was in {again[0]}{often}. The same would be refused for ever: put it aside, report it, and go on.",
                (refusal.request.number, *(request.number for request in again)),
            )


def holds_still(seen: Seen) -> Iterator[Finding]:
    """With a token that is refused nobody goes on calling."""
    for start in sorted({request.start for request in seen.requests}):
        refused = [request for request in seen.requests if request.start == start and request.status == 401]
        if len(refused) > 1 + TRIES_WITHOUT_TOKEN_MAX:
            yield Finding(
                f"{at_the_begin(refused[0])} was answered with 401, and {len(refused) - 1} more came with the same "
                "token. Stop with a status that is not 0: you are started again with another token.",
                tuple(request.number for request in refused[:5]),
            )
