"""Mutated files of every kind: a value or a typed error, in the app's own process as in its workers.

A small set here; `make attack-files` reads 10,000 of each kind.
"""

from __future__ import annotations

import pytest

from tests.attack.figures import Figures, table
from tests.attack.files import in_process
from tests.attack.kinds import kinds
from tests.attack.loads import attack_loads

EACH = 60


@pytest.mark.parametrize("name", kinds())
def test_mutated_files_end_in_a_value_or_a_typed_error(name: str) -> None:
    """No traceback, hang, death of the app or more memory than a file may take; some of the damage gets to the parser.

    The files are read in a process of their own: what this one has held before would count as theirs.
    """
    found = in_process(name, 0, EACH)
    assert found.findings == []
    assert found.read + found.refused == found.files == EACH
    assert found.past


@pytest.mark.model
def test_mutated_models_end_in_an_answer_or_a_typed_error() -> None:
    """llama.cpp loads what a header lets pass; whatever it does to its worker, the app says what is wrong."""
    found = attack_loads(range(20))
    assert found.findings == []
    assert found.read + found.refused == found.files


def test_the_table_gives_the_share_that_gets_past_the_container() -> None:
    """What a run prints is what the docs quote."""
    line = table([Figures(kind="csv", files=10, inside=5, past=4, read=9, refused=1, worst_s=1.23)]).splitlines()[-1]
    assert line == "| csv | 10 | 5 | 4 (80 %) | 9 | 1 | 1.2 | 0 | 0 | 0 | 0 |"
