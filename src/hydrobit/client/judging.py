"""What an answer means for who sent it: values in, a verdict out."""

from enum import Enum

import msgspec

from hydrobit.client.steps import Answer
from hydrobit.errors import Code

UNAUTHORIZED = 401
_PASSING = frozenset({408, 425, 429, 502, 503, 504})
_INTERNAL = 500
_OF_THE_CALLER = frozenset({Code.no_company, Code.role_forbidden, Code.caller_mismatch, Code.device_mismatch})
_OF_THE_ADDRESS = frozenset({Code.unknown_path, Code.method_not_allowed})
_TOO_MUCH = frozenset({Code.too_many_records, Code.body_too_large})


class Verdict(Enum):
    """What became of a call, or of one record of many."""

    done = "done"
    held = "held"
    """The server keeps it for review; the client has done its part."""
    refused = "refused"
    """For good: the same would be refused again."""
    passing = "passing"
    """Nothing is known, or nothing was done; the same again is safe."""
    failed = "failed"
    """The server failed, before or after it stored it; the same again is safe, and may fail again."""
    stranger = "stranger"
    """The token is not taken; another one may be."""
    stop = "stop"
    """Whoever calls may not, or there is no such server there: everything else would be refused alike."""
    too_much = "too much"
    """Less at once would do."""


class Failure(msgspec.Struct, kw_only=True, rename={"held_id": "heldId", "server_time": "serverTime"}):
    """An error's body, as far as it is promised, and what our server says beyond."""

    status: str
    message: str
    error: str = ""
    code: str = ""
    held: bool | None = None
    held_id: str | None = None
    server_time: str | None = None

    @property
    def sentence(self) -> str:
        return self.error or self.message


_failure = msgspec.json.Decoder(Failure)


def failure_of(answer: Answer) -> Failure | None:
    """The error that a server of ours tells; None for what a proxy or somebody's log-in page says."""
    try:
        failure = _failure.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return failure if failure.status == "error" else None


def judge(answer: Answer | None) -> tuple[Verdict, Failure | None]:
    """What an answer means as a whole. Where it is `done`, its body has still to be read."""
    if answer is None:
        return Verdict.passing, None
    if 200 <= answer.status < 300:
        return Verdict.done, None
    if answer.status == UNAUTHORIZED:
        return Verdict.stranger, failure_of(answer)
    failure = failure_of(answer)
    if failure is None:  # it is not the server that speaks
        return Verdict.passing, None
    return verdict(answer.status, failure.code, held=bool(failure.held)), failure


def verdict(status: int, code: str, *, held: bool) -> Verdict:
    """What a status and a code mean, of a call or of one record of many."""
    if status in (200, 201):
        return Verdict.done
    if status >= _INTERNAL or status in _PASSING:
        return Verdict.failed if status == _INTERNAL else Verdict.passing
    if held:
        return Verdict.held
    return _of_client(code)


def _of_client(code: str) -> Verdict:
    if code in _OF_THE_CALLER or code in _OF_THE_ADDRESS:
        return Verdict.stop
    return Verdict.too_much if code in _TOO_MUCH else Verdict.refused
