"""Shares of qualities: whole millionths, two decimals, half up."""

from hydrobit.harvest import shares
from hydrobit.harvest.shares import Share
from hydrobit.sessions.description import Quality


def quality(name: str, units: int, worker_id: str | None = None) -> Quality:
    return Quality(name, f"Quality {name}", units, worker_id)


def share(name: str, units: int, percent: float) -> Share:
    return Share(name, f"Quality {name}", units, round(percent * 1_000_000))


def test_the_session_s_own_elements_win_over_its_workers() -> None:
    graded = [quality("Q1", 30, "W1"), quality("Q1", 240), quality("Q2", 80)]
    assert shares.of_session(graded) == [share("Q1", 240, 75), share("Q2", 80, 25)]


def test_without_any_the_workers_are_summed() -> None:
    graded = [quality("Q1", 30, "W1"), quality("Q2", 10, "W1"), quality("Q1", 30, "W2")]
    assert shares.of_session(graded) == [share("Q1", 60, 85.71), share("Q2", 10, 14.29)]


def test_each_worker_has_shares_of_their_own_sum() -> None:
    graded = [quality("Q1", 1, "W1"), quality("Q2", 2, "W1"), quality("Q1", 5, "W2"), quality("Q1", 99)]
    assert shares.of_workers(graded) == {
        "W1": [share("Q1", 1, 33.33), share("Q2", 2, 66.67)],
        "W2": [share("Q1", 5, 100)],
    }


def test_nothing_graded_has_no_shares() -> None:
    assert (shares.of_session(()), shares.of_workers(())) == ([], {})
