"""The server is killed under load and started again, over and over on one data directory."""

from pathlib import Path

from tests import crash

ROUNDS = 7
"""On each engine."""
SEED = 1


def test_what_was_acknowledged_stands_exactly_once_after_every_kill(tmp_path: Path) -> None:
    figures = list(crash.play(tmp_path / "data", ROUNDS, SEED))

    assert len(figures) == ROUNDS
    assert any(figure.unknown for figure in figures), (
        "no kill met a call on its way: the load is too light to prove much"
    )
