"""Runs the checks: for each a fresh space, a road with faults, and the client, started until it is done."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from hydrobit.certify import counts, reports
from hydrobit.certify.candidate import Candidate
from hydrobit.certify.checks import CHECKS, FIRST, Check
from hydrobit.certify.counts import Given
from hydrobit.certify.faults import Plan
from hydrobit.certify.findings import Finding
from hydrobit.certify.road import Road
from hydrobit.certify.seen import End, Seen, heard
from hydrobit.certify.spaces import USER, Space, Spaces
from hydrobit.certify.watch import Watch, written
from hydrobit.kit.clock import Clock

STARTS_MAX = 8
"""So often a client is started in one check."""
PAUSE_S = 0.2
"""Between the end of one start and the next."""


class Result(Enum):
    """What became of a check."""

    passed = "passed"
    failed = "failed"
    not_judged = "not judged"


@dataclass(frozen=True, slots=True)
class Grade:
    """One row of the outcome."""

    check: Check
    result: Result
    findings: tuple[Finding, ...] = ()
    seen: Seen | None = None
    """None where it was not judged."""


@dataclass(frozen=True, slots=True)
class Grading:
    """One client and how it is graded. `folder` holds a folder of its own for each check."""

    words: Sequence[str]
    folder: Path
    spaces: Spaces
    clock: Clock
    seconds_max: float
    """So long a check may take."""

    async def grade(
        self, checks: Sequence[Check] = CHECKS, tell: Callable[[Check], None] = lambda check: None
    ) -> list[Grade]:
        """The grades in order. Where the first check fails, none of the others says anything, and none is run."""
        grades: list[Grade] = []
        for check in checks:
            if grades and grades[0].check.name == FIRST and grades[0].result is not Result.passed:
                grades.append(Grade(check, Result.not_judged))
                continue
            tell(check)
            seen = await self.see(check)
            findings = check.judge(seen)
            grades.append(Grade(check, Result.failed if findings else Result.passed, findings, seen))
        return grades

    async def see(self, check: Check) -> Seen:
        """One check as it was seen. Whatever was started is gone when it returns."""
        now = self.clock.now()
        given = counts.made(now, check.refused)
        space = self.spaces.fresh(check.name)
        await space.prepare(given, now)
        folder = self.folder / check.name
        own = folder / "client"
        own.mkdir(parents=True)
        (folder / "counts.jsonl").write_text(counts.lines(given), "utf-8")
        return await _Scenario(self, check, given, space, folder, Candidate(self.words, own)).run()


class _Scenario:
    """One run of one check."""

    def __init__(
        self, grading: Grading, check: Check, given: tuple[Given, ...], space: Space, folder: Path, candidate: Candidate
    ) -> None:
        self._grading, self._check, self._given, self._space = grading, check, given, space
        self._folder, self._candidate = folder, candidate
        self._began = time.monotonic()
        self._watch = Watch(given, Plan(check.faults))
        self._road = Road(space.serve, self._watch, self._clock, candidate.kill)
        self._statuses: list[int] = []
        self._complaint = ""

    async def run(self) -> Seen:
        opening = asyncio.create_task(self._open_road())
        try:
            end = await self._watched()
        finally:
            opening.cancel()
            await self._road.close()
            with suppress(asyncio.CancelledError):
                await opening
        seconds = self._clock()
        output = self._candidate.output.decode("utf-8", "replace")
        self._keep(output)
        return Seen(
            self._given,
            self._watch.requests,
            await self._space.records(),
            tuple(reports.read(output)),
            end,
            self._statuses,
            seconds,
            self._complaint or self._candidate.complaint,
        )

    def _keep(self, output: str) -> None:
        """What an author reads to see what happened."""
        (self._folder / "requests.jsonl").write_text(written(self._watch.requests), "utf-8")
        (self._folder / "output.txt").write_text(output, "utf-8")
        (self._folder / "complaints.txt").write_bytes(self._candidate.complaints)

    async def _open_road(self) -> None:
        await asyncio.sleep(self._check.away_s)
        await self._road.listen()

    async def _watched(self) -> End:
        """How it ends: by itself, by the clock, or by a flood."""
        running = asyncio.create_task(self._until_done())
        flooded = asyncio.create_task(self._road.flooded.wait())
        try:
            await asyncio.wait(
                (running, flooded), timeout=self._grading.seconds_max, return_when=asyncio.FIRST_COMPLETED
            )
            if running.done():
                return running.result()
            return End.flood if flooded.done() else End.time
        finally:
            for task in (running, flooded):
                task.cancel()
            await asyncio.gather(running, flooded, return_exceptions=True)
            await self._candidate.kill()

    async def _until_done(self) -> End:
        """Starts the client until it ends with 0, as a service or a timer does."""
        for start in range(1, STARTS_MAX + 1):
            token = f"certify-{self._check.name}-{start if self._check.renews else 1}"
            self._road.expect(start, token)
            try:
                status = await self._candidate.run(self._variables(token))
            except OSError as e:
                self._complaint = f"{self._grading.words[0]}: {e.strerror}."
                return End.not_started
            self._statuses.append(status)
            if status == 0:
                return End.done
            if all(heard(self._watch.requests, count) for count in self._given):
                return End.gave_up
            await asyncio.sleep(max(PAUSE_S, self._asked_for()))
        return End.gave_up

    def _asked_for(self) -> float:
        """How long the server still wants to be left alone, which a client that was ended cannot know any more."""
        asked = [
            request.answered_at + request.fault.retry_after_s
            for request in self._watch.requests
            if request.fault is not None and request.fault.retry_after_s is not None and request.answered_at is not None
        ]
        return max(asked, default=0.0) - self._clock()

    def _variables(self, token: str) -> Mapping[str, str]:
        return {
            "CERTIFY_URL": self._road.address,
            "CERTIFY_TOKEN": token,
            "CERTIFY_USER": USER,
            "CERTIFY_SESSION": self._space.session_id,
            "CERTIFY_COUNTS": str(self._folder / "counts.jsonl"),
        }

    def _clock(self) -> float:
        return time.monotonic() - self._began
