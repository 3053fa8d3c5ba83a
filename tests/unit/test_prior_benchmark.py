"""The table of what prior correction is worth is made from what is kept of each label set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import prior as bench
from engine.core.run.label_prior import LabelPrior

_PRIOR = LabelPrior(
    corrected=True, split="train", rows=50, right_without=0.2, right_with=0.4, standard_error=0.05, worth_it=True,
    log_prior={"a": 0.5, "b": -0.5},
)  # fmt: skip
_CELL = bench.Cell(
    task="support-tickets-60", technique="zero-shot", prior=_PRIOR, off=(0.0,) * 30 + (1.0,) * 30, on=(1.0,) * 60
)


def test_cells_read_back_as_they_were_and_make_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each row's outcome is kept; the table says what correction gains, and what auto went by."""
    monkeypatch.setattr(bench, "KEPT", tmp_path / "kept")
    assert bench.kept_cells(_CELL.task) == []
    bench.keep_cells(_CELL.task, [_CELL])
    assert bench.kept_cells(_CELL.task) == [_CELL]
    monkeypatch.setattr("sys.argv", ["prior", "--table"])
    assert bench.main() == 0
    told = capsys.readouterr().out
    assert "| support-tickets, 60 % of one label | Zero-shot | 50 % | 100 % | 100 % | +50.0 (" in told
    assert "| 20 % to 40 % on 50 training rows |" in told
    assert "auto keeps 100% of what on gains where it gains (1 cells)" in told


@pytest.mark.parametrize(
    ("prior", "off", "on"),
    [(_PRIOR, (1.0,) * 60, (0.0,) * 60), (replace(_PRIOR, worth_it=False), _CELL.off, _CELL.on)],
)
def test_harm_and_gains_given_away_fail(prior: LabelPrior, off: tuple[float, ...], on: tuple[float, ...]) -> None:
    """Auto may not be significantly worse than off, nor leave off what would have gained."""
    assert bench.print_table([replace(_CELL, prior=prior, off=off, on=on)]) == 1
