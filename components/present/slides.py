"""The text of a presentation: pure functions from a recorded run to the slides that the browser shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.ui.bests import bests
from components.ui.run_data import where
from components.ui.text import visible
from engine.analysis.marks import imported_sentence
from engine.analysis.snapshot import Lane, RunSnapshot
from engine.analysis.verdict.ruling import Verdict
from engine.core.task import AnswerKind, Task
from engine.core.variant import Variant
from engine.metrics import wording as say
from engine.metrics.marks import Mark
from engine.services.recorded import RecordedRun

STEPS = ("The task", "The variants", "Replay", "The tradeoff", "The verdict")
_LONG = 420
_REASONS = 2
"""Number of reasons shown with the verdict: what fits on a slide. The report has all reasons."""


def task_slide(task: Task | None, recorded: RecordedRun) -> dict[str, Any]:
    """Describe the task, with one row as an example."""
    plan = recorded.plan
    rows = f"{say.number(len(plan.test_ids))} rows to answer, {say.number(len(plan.train_ids))} to learn from"
    if task is None:
        return _slide(STEPS[0], visible(plan.task_id), [_text("The task is no longer on this machine.")], rows)
    row = next((example for example in task.examples if example.id == plan.test_ids[0]), task.examples[0])
    kind = {
        AnswerKind.LABEL: f"one of {len(task.answer.labels)} categories",
        AnswerKind.SHORT: "a short answer",
        AnswerKind.JSON: "a record in JSON",
        AnswerKind.TEXT: "a text in a fixed style",
    }[task.answer.kind]
    quotes = [["An input", _cut(row.input)], ["Its right answer", _cut(row.target)]]
    return _slide(
        f"{STEPS[0]} · {rows} · wanted: {kind}",
        visible(task.summary or task.title),
        [
            {"kind": "quotes", "quotes": quotes},
            {"kind": "quotes", "quotes": [["Instructions", _cut(task.instructions)]]},
        ],
    )


def rivals_slide(snapshot: RunSnapshot, recorded: RecordedRun) -> dict[str, Any]:
    """Introduce the variants and what each of them works with."""
    model = recorded.manifest.model
    sign = Mark.IMPORTED.sign if recorded.manifest.imported else ""
    named = " · ".join(part for part in (model.name, model.quantization, sign) if part)
    cards = [
        _card(lane, what=lane.variant.facts.summary, detail=_has(lane.variant, snapshot, lane))
        for lane in snapshot.lanes
    ]
    headline = f"{say.count(len(cards)).capitalize()} ways to do it, one model, the same rows"
    return _slide(f"{STEPS[1]} · {visible(named)}", headline, [{"kind": "cards", "cards": cards}])


def verdict_slide(snapshot: RunSnapshot, recorded: RecordedRun, verdict: Verdict | None) -> dict[str, Any]:
    """Say what to choose and how sure that is. If there is no verdict, say which variant is best at what."""
    found = bests(snapshot.lanes)
    cards = [_card(best.lane, over=best.count, figure=best.figure, detail=best.detail) for best in found]
    headline = visible(verdict.headline) if verdict else _headline([best.name for best in found])
    said: list[str] = []
    if verdict is not None:
        said = [f"{verdict.sureness.text} {verdict.basis.text}".strip()]
        said += [reason.text for reason in verdict.reasons[:_REASONS]]
    blocks: list[dict[str, Any]] = [_text(visible(sentence)) for sentence in said[:1] if sentence]
    blocks.append({"kind": "cards", "cards": cards})
    blocks += [_text(visible(sentence)) for sentence in said[1:]]
    manifest = recorded.manifest
    if told := imported_sentence(imported=manifest.imported, rescored=manifest.rescored):
        blocks.append(_text(told))
    if snapshot.clear_leader is not None:
        blocks.append(_text("This run stopped when the leader was clear, so its quality is slightly overestimated."))
    return _slide(f"{STEPS[4]} · {where(recorded)}", headline, blocks)


def _headline(names: Sequence[str]) -> str:
    if not names:
        return "Nothing was measured"
    if len(set(names)) == 1:
        return f"{names[0]} is best on quality, on latency and on cost"
    if len(names) == 3 and names[1] == names[2]:
        return f"{names[0]} for quality; {names[1]} for speed and cost"
    return "; ".join(f"{name} for {count}" for name, count in zip(names, ("quality", "speed", "cost"), strict=False))


def _has(variant: Variant, snapshot: RunSnapshot, lane: Lane) -> str:
    rows = len(snapshot.plan.train_ids)
    parts = []
    if variant.shots_k:
        by_row = lane.figures is not None and not lane.figures.fixed_shots
        parts.append(f"{variant.shots_k} {'nearest' if by_row else 'fixed'} examples")
    if variant.retrieval is not None:
        if variant.retrieval.examples_k:
            parts.append(f"{variant.retrieval.examples_k} nearest examples of {rows}")
        if variant.retrieval.passages_k:
            parts.append(f"{variant.retrieval.passages_k} passages of documents")
    if variant.lora is not None:
        parts.append(f"trained on {rows} rows, rank {variant.lora.rank}")
    if variant.facts.fits:
        parts.append(f"fitted on {rows} rows")
    if lane.prepare_s:
        parts.append(f"{say.duration(lane.prepare_s)} once, before the first answer")
    return " · ".join(parts) or "nothing to prepare"


def _card(lane: Lane, **texts: str) -> dict[str, str]:
    look = lane.variant.style
    return {"name": lane.variant.name, "light": look.light, "dark": look.dark, **texts}


def _slide(kicker: str, headline: str, blocks: list[dict[str, Any]], more: str = "") -> dict[str, Any]:
    return {"kicker": f"{kicker} · {more}" if more else kicker, "headline": headline, "blocks": blocks}


def _text(text: str) -> dict[str, Any]:
    return {"kind": "text", "text": text}


def _cut(text: str) -> str:
    shown = visible(text.strip())
    return shown if len(shown) <= _LONG else shown[:_LONG].rstrip() + " …"
