"""Incidence and severity: exact until the last step."""

from hydrobit.kit.amounts import MILLION
from hydrobit.phytosanitary.figures import Figures, Tally
from hydrobit.phytosanitary.store import Observed


def observed(
    name: str = "Aphids",
    *,
    project: str | None = "p",
    sector: str | None = "s",
    scale: int = 5,
    times: int = 1,
    found: int = 0,
    rated: int = 0,
    severity: float = 0,
) -> Observed:
    return Observed(project, sector, name, scale * MILLION, times, found, rated, round(severity * MILLION))


def test_incidence_is_the_share_of_observations_with_the_pest() -> None:
    tally = Tally()
    tally.add(observed(times=6, found=1))
    assert tally.incidence == 16_670_000


def test_severity_is_the_mean_of_those_that_have_one_on_their_own_scales() -> None:
    tally = Tally()
    tally.add(observed(times=3, found=3, rated=2, severity=5, scale=5))
    tally.add(observed(times=1, found=1, rated=1, severity=3, scale=9))
    assert tally.mean_severity == 44_440_000  # (1 + 1/3) of 3


def test_without_a_severity_there_is_no_mean() -> None:
    tally = Tally()
    tally.add(observed(times=3, found=3))
    assert (tally.incidence, tally.mean_severity) == (100_000_000, None)


def test_days_that_come_one_by_one_make_the_figures_of_all_of_them() -> None:
    """Thirds of a hundredth add up to a whole one; rounded by day they would be lost."""
    figures = Figures()
    for _ in range(3):
        figures.add(1, [observed(times=10_000, found=1, rated=1, severity=1, scale=3)])
    tally = figures.projects["p"]["s"].whole
    assert (figures.records, tally.incidence, tally.mean_severity) == (3, 10_000, 33_330_000)


def test_a_sector_s_figures_are_over_all_of_its_observations() -> None:
    figures = Figures()
    figures.add(2, [observed(times=4, found=1), observed("Mites", times=4, found=3, rated=1, severity=5)])
    place = figures.projects["p"]["s"]
    assert (place.whole.incidence, place.whole.mean_severity) == (50_000_000, 100_000_000)
    assert {name: tally.incidence for name, tally in place.pests.items()} == {"Aphids": 25_000_000, "Mites": 75_000_000}


def test_what_has_no_sector_shows_its_project_alone_and_what_has_no_project_only_counts() -> None:
    figures = Figures()
    figures.add(2, [observed(sector=None, found=1), observed(project=None, sector=None, found=1)])
    assert (figures.records, figures.projects) == (2, {"p": {}})
