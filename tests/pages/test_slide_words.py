"""What the slides of a presentation say: the report's figures, and of each variant what is true of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.present.slides import rivals_slide, task_slide, verdict_slide
from engine.analysis.snapshot import Lane, RunSnapshot
from engine.core.limits import Limits
from engine.core.techniques import Technique
from engine.core.variant import ClassifierKind, ClassifierSpec, RetrievalSpec
from engine.metrics import wording as say
from tests.memory_lab import MemoryLab, memory_lab, memory_task


def _finished(rows: int, techniques: list[Technique] | None = None) -> tuple[MemoryLab, str]:
    lab = memory_lab(task=memory_task(rows=rows))
    return lab, lab.finished(rows=rows, techniques=techniques or list(Technique))


def _cards(slide: dict[str, Any], kind: str = "cards") -> list[dict[str, str]]:
    return [card for block in slide["blocks"] for card in block.get(kind, [])]


def _with(snapshot: RunSnapshot, **changes: Any) -> RunSnapshot:
    """Change the variant of the only lane."""
    (lane,) = snapshot.lanes
    return replace(snapshot, lanes=(replace(lane, variant=replace(lane.variant, **changes)),))


def test_the_verdict_slide_has_the_interval_of_the_report() -> None:
    """Who is the best of those that meet a limit has an interval corrected for that, on the slide as in the report."""
    lab, run_id = _finished(40, [Technique.ZERO_SHOT, Technique.FEW_SHOT, Technique.RAG])
    snapshot, manifest = lab.runs.snapshot(run_id), lab.results.manifest(run_id)
    first = lab.results.report(run_id, Limits())
    best = max(first.figures, key=lambda item: item.quality.value)
    limits = Limits(highest_p95_s=best.total_p95_s.value * 0.99)
    report = lab.results.report(run_id, limits)
    shown = report.verdict.pick or report.verdict.leader
    assert shown != best.variant.id
    assert report.of(shown).quality != first.of(shown).quality
    (quality, *_others) = _cards(verdict_slide(snapshot, manifest, report), "figures")
    assert quality["detail"].endswith(f"95 % interval {say.share_ends(report.of(shown).quality)}")


@pytest.mark.parametrize(
    ("technique", "told"), [(Technique.ZERO_SHOT, "no labelled rows"), (Technique.CLASSIFIER, "10 rows to learn from")]
)
def test_only_what_learns_has_rows_to_learn_from(technique: Technique, told: str) -> None:
    """A bare prompt costs no labelled row, whatever the run's other variants had."""
    lab, run_id = _finished(10, [technique])
    report = lab.results.report(run_id, Limits())
    slide = verdict_slide(lab.runs.snapshot(run_id), lab.results.manifest(run_id), report)
    assert _cards(slide, "figures")[-1]["detail"].startswith(told)


@pytest.mark.parametrize("kind", ClassifierKind)
def test_a_classifier_is_introduced_as_what_it_is(kind: ClassifierKind) -> None:
    """Logistic regression on embeddings is only one of the kinds that a search may find."""
    lab, run_id = _finished(4, [Technique.CLASSIFIER])
    snapshot = _with(lab.runs.snapshot(run_id), classifier=ClassifierSpec(kind=kind), tuned=True)
    (card,) = _cards(rivals_slide(snapshot, lab.results.manifest(run_id)))
    assert card["what"].startswith("No language model: ")
    words = {
        ClassifierKind.LOGISTIC: "a logistic regression on embeddings",
        ClassifierKind.NEIGHBOURS: "nearest",
        ClassifierKind.CHARACTERS: "characters",
        ClassifierKind.WORDS: "words",
        ClassifierKind.ENCODER: "encoder",
    }
    assert [one for one, word in words.items() if word in card["what"]] == [kind]


def test_a_tuned_variant_stands_on_its_defaults_card() -> None:
    """Nine cards fit no screen: what is tuned adds a line, and says what it is where that is something else."""
    lab, run_id = _finished(4, [Technique.RAG, Technique.CLASSIFIER])
    snapshot, manifest = lab.runs.snapshot(run_id), lab.results.manifest(run_id)
    rag, classifier = snapshot.lanes
    changes = (
        (rag, RetrievalSpec(examples_k=2), ClassifierSpec()),
        (classifier, None, ClassifierSpec(kind=ClassifierKind.ENCODER)),
    )
    tuned = [
        replace(
            lane,
            variant=replace(
                lane.variant, id=f"{lane.variant.id}-tuned", tuned=True, retrieval=retrieval, classifier=kind
            ),
        )
        for lane, retrieval, kind in changes
    ]
    slide = rivals_slide(replace(snapshot, lanes=(rag, tuned[0], classifier, tuned[1])), manifest)
    assert slide["headline"] == "Two ways to do it, two also tuned"
    first, second = _cards(slide)
    assert first["detail"].splitlines()[1].startswith("Tuned: 2 nearest examples of 4")
    assert second["detail"].splitlines()[1].startswith("Tuned: an encoder trained on the examples")
    alone = _cards(rivals_slide(replace(snapshot, lanes=(tuned[0],)), manifest))
    assert len(alone) == 1
    assert "Tuned:" not in alone[0]["detail"]


def _lane(lane: Lane, name: str, **figures: Any) -> Lane:
    return replace(lane, name=name, figures=replace(lane.figures, **figures))


def _bare(lanes: list[Lane]) -> str:
    """Return the headline of a slide without a verdict."""
    lab, run_id = _finished(4, [Technique.RAG])
    snapshot = replace(lab.runs.snapshot(run_id), lanes=tuple(lanes))
    return str(verdict_slide(snapshot, lab.results.manifest(run_id), None)["headline"])


def test_who_is_best_at_what_is_said_of_what_was_measured_alone() -> None:
    """With no latency there is nobody best on it, and what comes next keeps its own word."""
    lab, run_id = _finished(4, [Technique.RAG])
    (lane,) = lab.runs.snapshot(run_id).lanes
    good, poor = (replace(lane.figures.quality, value=value) for value in (0.9, 0.1))
    a = _lane(lane, "A", quality=good, total_p50_s=None, cost_usd_per_1k=2.0)
    b = _lane(lane, "B", quality=poor, total_p50_s=None, cost_usd_per_1k=1.0)
    assert _bare([a, b]) == "A for quality; B for cost"
    assert _bare([a]) == "A is best on quality and on cost"
    fast = _lane(lane, "C", quality=poor, cost_usd_per_1k=0.5)
    assert _bare([a, fast]) == "A for quality; C for speed and cost"


def test_one_of_a_thing_is_not_many() -> None:
    """One way, one example, one passage, one test row."""
    lab, run_id = _finished(1, [Technique.RAG])
    snapshot, manifest = lab.runs.snapshot(run_id), lab.results.manifest(run_id)
    one = _with(snapshot, retrieval=RetrievalSpec(examples_k=1, passages_k=1), shots_k=1)
    slide = rivals_slide(one, manifest)
    assert slide["headline"] == "One way to do it, one model"
    (card,) = _cards(slide)
    assert "1 nearest example · 1 nearest example of 1 · 1 passage of documents" in card["detail"]
    report = lab.results.report(run_id, Limits())
    assert _cards(verdict_slide(snapshot, manifest, report), "figures")[0]["what"] == "of 1 test row right"
    assert task_slide(lab.tasks.get(manifest.plan.task_id), manifest)["blocks"][-1]["text"].startswith("1 row to ")
