"""Incidence and severity, exactly: counts and fractions until the last step, which rounds."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from hydrobit.kit.amounts import percentage
from hydrobit.phytosanitary.store import Observed


@dataclass(slots=True)
class Tally:
    """What was seen so far. `severity` is the sum of severities, each as a share of its scale's top."""

    observations: int = 0
    found: int = 0
    rated: int = 0
    severity: Fraction = field(default_factory=Fraction)

    def add(self, observed: Observed) -> None:
        self.observations += observed.observations
        self.found += observed.found
        self.rated += observed.rated
        self.severity += Fraction(observed.severity, observed.scale)

    @property
    def incidence(self) -> int:
        """Percentage of the observations in which it was found, in millionths with two decimals."""
        return percentage(self.found, self.observations)

    @property
    def mean_severity(self) -> int | None:
        """Percentage of the scale's top, in millionths with two decimals; None where nobody rated."""
        if not self.rated:
            return None
        return percentage(self.severity.numerator, self.severity.denominator * self.rated)


@dataclass(slots=True)
class Place:
    """A sector: all observations in it, and those of each pest by its name."""

    whole: Tally = field(default_factory=Tally)
    pests: dict[str, Tally] = field(default_factory=dict)


class Figures:
    """Sums of a span of days as its parts come in."""

    def __init__(self) -> None:
        self.records = 0
        self.projects: dict[str, dict[str, Place]] = {}

    def add(self, records: int, observed: Iterable[Observed]) -> None:
        """Takes the next days in. What has no sector counts in `records` and shows its project, nothing more."""
        self.records += records
        for each in observed:
            if each.project_id is None:
                continue
            places = self.projects.setdefault(each.project_id, {})
            if each.sector_id is not None:
                place = places.setdefault(each.sector_id, Place())
                place.whole.add(each)
                place.pests.setdefault(each.name, Tally()).add(each)
