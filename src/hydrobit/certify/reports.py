"""What a client says on its standard output of counts that were refused, and the rules about it."""

import json
from collections.abc import Iterator

from hydrobit.certify.counts import is_text, known
from hydrobit.certify.findings import Finding, at_the_begin, refusals
from hydrobit.certify.seen import Report, Seen


def read(text: str) -> Iterator[Report]:
    """The lines that are JSON objects with a `clientEventId` and a `code`; the others are passed over."""
    for line in text.splitlines():
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict) and is_text(said):
            event_id, code = said.get("clientEventId"), said.get("code")
            if isinstance(event_id, str) and isinstance(code, str) and code:
                yield Report(event_id, code)


def each_refusal(seen: Seen) -> Iterator[Finding]:
    """Each count that was refused is told of, with the server's code."""
    told = {report.event_id: report.code for report in seen.reports}
    for refusal in refusals(seen):
        event_id, code = refusal.count.event_id, refusal.outcome.code
        said = told.get(event_id)
        if said == code:
            continue
        how = "no line of standard output says so" if said is None else f"reported with the code {said!r}"
        yield Finding(
            f"{event_id} was refused with {refusal.outcome} in {refusal.request}, and {how}. Print "
            f"{json.dumps({'clientEventId': event_id, 'code': code})}: somebody has to see that it is not paid.",
            (refusal.request.number,),
        )


def nothing_else(seen: Seen) -> Iterator[Finding]:
    """No count is given up that the server would take, or has taken."""
    for report in seen.reports:
        count = known(seen.counts, {"clientEventId": report.event_id})
        if count is None or count.refused is not None:
            continue
        stored = "is stored" if seen.records_of(count) else "was never refused by the server"
        faults = [(request, request.fault) for request, _ in seen.sendings(count) if request.fault is not None]
        why = f" {at_the_begin(faults[0][0])} {faults[0][1].words}." if faults else ""
        yield Finding(
            f"{count.event_id} was reported as refused ({report.code}), and {stored}.{why} Only the server's own 4xx "
            "about the count itself is a refusal; 200 says that it was counted before, and 401 speaks of the token.",
            tuple(request.number for request, _ in faults[:1]),
        )
