"""Killed at a random moment and started again, work ends as if it had not been; a handful here, `make attack-kills` more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attack.kills import FRONTS, Work, attack, packed_run

ARCHIVED_ROWS = 100


@pytest.mark.parametrize("front", FRONTS)
def test_a_killed_run_goes_on_and_loses_no_row(front: str) -> None:
    """No row is lost, there twice or different, in the terminal and in a background thread as on screen."""
    tally = attack(Work(kind="run", front=front), kills=1, seed=7)
    assert (tally.kills, tally.findings) == (1, [])


def test_a_killed_study_goes_on_with_what_is_missing() -> None:
    """Finished runs stay, the interrupted one is resumed, and no point of the study is there twice."""
    tally = attack(Work(kind="study", front="terminal"), kills=1, seed=7)
    assert (tally.kills, tally.findings) == (1, [])


def test_a_killed_import_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """And it can be started again."""
    archive = packed_run(tmp_path, rows=ARCHIVED_ROWS)
    tally = attack(Work(kind="import", front="terminal", archive=archive), kills=1, seed=7)
    assert (tally.kills, tally.findings) == (1, [])


@pytest.mark.model
def test_a_killed_training_gives_the_same_bytes_when_it_is_started_again() -> None:
    """Nothing half trained is listed, and the weights are those of an unbroken training."""
    tally = attack(Work(kind="training", front="terminal", model="smollm2-135m-instruct"), kills=1, seed=7)
    assert (tally.kills, tally.findings) == (1, [])
