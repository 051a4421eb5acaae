"""Rules about the end: how the client ended, and what the ledger holds then."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from hydrobit.certify.counts import Given
from hydrobit.certify.findings import Finding, at_the_begin, refusals
from hydrobit.certify.seen import End, Record, Seen
from hydrobit.kit.instants import read_instant

NAMED_MAX = 3
"""So many counts are named in one sentence."""


def ends(seen: Seen) -> Iterator[Finding]:
    """The client ends by itself, with status 0, when nothing is left to do."""
    match seen.end:
        case End.not_started:
            yield Finding(f"The command cannot be started: {seen.complaint}")
        case End.time:
            yield Finding(
                f"It was stopped after {seen.seconds:.0f} s, with {_stored(seen)} stored. End with status 0 when each "
                "count is stored or reported, and with another one when you give up for now."
            )
        case End.flood:
            yield Finding(
                f"It was stopped after {len(seen.requests)} requests for {len(seen.counts)} counts. Wait before you "
                "send again, longer each time, and never send again what was refused."
            )
        case End.gave_up:
            yield Finding(_gave_up(seen))


def _gave_up(seen: Seen) -> str:
    often = "" if len(seen.statuses) == 1 else f" each of the {len(seen.statuses)} times that it was started"
    status = f"It ended with status {seen.statuses[-1]}{often}"
    if all(seen.heard(count) for count in seen.counts):
        return (
            f"{status}, though nothing was left to do: each count is stored or refused. Say so by status 0; refused "
            "counts are told by lines on standard output."
        )
    complaint = f" It said: {seen.complaint}" if seen.complaint else ""
    return f"{status}, with {_stored(seen)} stored.{complaint}"


def _stored(seen: Seen) -> str:
    there = sum(bool(seen.records_of(count)) for count in seen.counts)
    return f"{there} of {sum(count.refused is None for count in seen.counts)} counts"


def each_once(seen: Seen) -> Iterator[Finding]:
    """Each count that the server takes stands in the ledger once, and says what its line says."""
    lost = [count for count in seen.counts if count.refused is None and not seen.records_of(count)]
    if never := [count for count in lost if not any(seen.sendings(count))]:
        yield _never_sent(seen, never)
    for count in lost:
        if count not in never:
            yield _lost(seen, count)
    for count in seen.counts:
        records = seen.records_of(count)
        if records and count.refused is not None:
            yield _smuggled(seen, count)
        elif len(records) > 1:
            yield _doubled(seen, count, records)
        elif records:
            yield from _changed(count, records[0])
    for record in seen.records:
        if seen.count_of(record) is None:
            name = f" as {record.event_id}" if record.event_id else ""
            yield Finding(
                f"The ledger holds {record.units} units of {record.worker_id}{name}, which no line asks for. Send each "
                "line as it stands."
            )


def _never_sent(seen: Seen, lost: Sequence[Given]) -> Finding:
    if not seen.requests:
        return Finding("No request came at all. Send to CERTIFY_URL what the lines of CERTIFY_COUNTS say.")
    named = ", ".join(count.event_id for count in lost[:NAMED_MAX])
    if more := lost[NAMED_MAX:]:
        named += f" and {len(more)} more"
    were = "is lost, and was" if len(lost) == 1 else "are lost, and were"
    return Finding(f"{named} {were} never sent{_after(seen, lost[0])}. Send every line, whatever became of another.")


def _after(seen: Seen, count: Given) -> str:
    """What stood in the way of a count that was never sent, where that can be told."""
    for refusal in refusals(seen):
        if refusal.count.number < count.number:
            return f" after {refusal.request} had been refused with {refusal.outcome}"
    last = seen.requests[-1]
    return f" after {last} {last.fault.words}" if last.fault is not None else ""


def _lost(seen: Seen, count: Given) -> Finding:
    """What became of a count that was sent, and is not there."""
    sent = list(seen.sendings(count))
    request, carried = sent[-1]
    numbers = tuple(each.number for each, _ in sent)
    outcome = carried.outcome
    if outcome is not None and outcome.is_refused:
        why, remedy = f"was refused with {outcome}. {outcome.sentence}", "Send what the line says."
    elif request.fault is None:
        why, remedy = f"was answered with {request.status} {request.code}.", "See the reference of its operation."
    else:
        why = f"{request.fault.words}, and it was not sent again."
        remedy = "Keep a count, and send it again until the server's own answer says what became of it."
    return Finding(f"{count.event_id} is lost: {request} {why} {remedy}", numbers)


def _doubled(seen: Seen, count: Given, records: Sequence[Record]) -> Finding:
    ids = ", ".join(sorted({record.event_id for record in records}))
    return Finding(
        f"{count.event_id} was counted {len(records)} times, as {ids}: it is paid {len(records)} times. Send it under "
        "the clientEventId of its line each time, also after a lost answer and after a restart.",
        _numbers(seen, count),
    )


def _smuggled(seen: Seen, count: Given) -> Finding:
    return Finding(
        f"{count.event_id} is refused as it stands, and was recorded under another event id or with other content. "
        "Report it, and leave the decision to a person.",
        _numbers(seen, count),
    )


def _numbers(seen: Seen, count: Given) -> tuple[int, ...]:
    return tuple(request.number for request, _ in seen.sendings(count))


def _changed(count: Given, record: Record) -> Iterator[Finding]:
    pairs: tuple[tuple[str, object, object], ...] = (
        ("clientEventId", record.event_id, count.event_id),
        ("workerId", record.worker_id, count.worker_id),
        ("units", record.units, count.units),
        ("recordedAtUtc", read_instant(record.recorded_at), read_instant(count.recorded_at)),
    )
    for name, found, wanted in pairs:
        if found != wanted:
            yield Finding(
                f"{count.event_id} stands in the ledger with {name} {found}; its line says {wanted}. Send it as it is."
            )


def in_order(seen: Seen) -> Iterator[Finding]:
    """Each worker's counts stand in the ledger in the order of the file."""
    for worker in dict.fromkeys(count.worker_id for count in seen.counts):
        stored = [count for count in map(seen.count_of, seen.records) if count and count.worker_id == worker]
        for first, second in pairwise(stored):
            if second.number < first.number:
                yield _overtaken(seen, first, second)
                break


def _overtaken(seen: Seen, first: Given, second: Given) -> Finding:
    """`first` was stored first, and should not have been."""
    overtook, overtaken = next(seen.sendings(first))[0], next(seen.sendings(second))[0]
    why = f" {at_the_begin(overtaken)} {overtaken.fault.words}." if overtaken.fault else ""
    return Finding(
        f"{first.event_id} stands in the ledger before {second.event_id} of the same worker: {overtook} overtook "
        f"{overtaken}.{why} Send a worker's next count only when the one before has the server's answer.",
        (overtook.number, overtaken.number),
    )
