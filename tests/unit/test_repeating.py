"""Who repeats itself in free text is told in the verdict: a score of form alone would call it best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from adapters.models.scripted import FACTS
from adapters.storage.task_folder import read_task
from engine.analysis.report import assess
from engine.analysis.run_table import table_from_predictions
from engine.core.limits import Limits
from engine.core.run.manifest import Conditions
from engine.core.run.prediction import Failure, FailureKind, Prediction, Timing
from engine.core.techniques import Technique
from engine.running.planning import plan_run

HOUSE = read_task(Path(__file__).parents[2] / "data" / "tasks" / "house-style")

LOST = Failure(kind=FailureKind.BACKEND, message="The server answered 503.")


def why(different: int, rows: int = 40, *, targets: bool = True, failed: int = 0) -> str:
    """Return on what a verdict rests where few-shot gives so many different answers; rules alone may be wanted.

    The last rows of few-shot may have failed.
    """
    plan = replace(plan_run(HOUSE, FACTS, techniques=(Technique.ZERO_SHOT, Technique.FEW_SHOT), limit=rows), run_id="r")
    made = [
        Prediction(
            run_id="r", variant_id=variant.id, technique=str(variant.technique), example_id=row_id, target=f"t {place}" * targets,
            answer=None if lost else f"{place % different if variant.id == 'few-shot' else place}",
            failure=LOST if lost else None, score=float(variant.id == "few-shot"),
            scores={"rules_kept": float(variant.id == "few-shot")}, timing=Timing(total_s=0.1),
        )
        for variant in plan.variants
        for place, row_id in enumerate(plan.test_ids)
        for lost in [variant.id == "few-shot" and place >= rows - failed]
    ]  # fmt: skip
    table = table_from_predictions([one.id for one in plan.variants], plan.test_ids, made)
    return assess(plan, HOUSE, table, Conditions(), Limits()).verdict.basis.text


def test_who_gives_the_same_few_answers_is_named() -> None:
    """Two different lines for forty notes are told, with what was wanted; each note its own line is not."""
    told = why(2)
    assert "To 40 rows few-shot gave only 2 different answers, where 40 are wanted: it repeats itself" in told
    assert "zero-shot gave" not in told
    assert "To 40 rows few-shot gave one and the same answer, where 40 are wanted" in why(1)
    assert "repeats itself" in why(10)
    assert "repeats itself" not in why(11)
    assert "repeats itself" not in why(1, rows=19)
    assert "are wanted" not in why(2, targets=False), "no answer of a row is known"


def test_failures_are_not_called_repetition() -> None:
    """Ten rows with ten answers repeat nothing, however many others failed; of thirty with two answers it is said."""
    assert "repeats itself" not in why(40, failed=30)
    assert "repeats itself" not in why(40, failed=40)
    assert "To 30 rows few-shot gave only 2 different answers" in why(2, failed=10)
