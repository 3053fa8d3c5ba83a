"""The text of a presentation: pure functions from a recorded run to the slides that the browser shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.ui.bests import COUNTS, Best, bests
from components.ui.run_data import where
from components.ui.text import visible
from engine.analysis.basis.wholeness import answers_in_words
from engine.analysis.figures import VariantFigures
from engine.analysis.marks import FigureName, imported_sentence
from engine.analysis.report import Report
from engine.analysis.snapshot import Lane, RunSnapshot
from engine.core.run.infos import RunInfo
from engine.core.run.manifest import Manifest
from engine.core.run.standing import RunState, state_of
from engine.core.task import AnswerKind, Task
from engine.core.variant import Variant
from engine.metrics import wording as say
from engine.metrics.marks import Mark, marked
from engine.studies.study_runs import aside_in_words

STEPS = ("The task", "The variants", "Replay", "The tradeoff", "The verdict")
_LONG = 320
_SHORT = 34
"""A headline of so many characters is set in huge type."""
_BEST_ON = dict(zip(COUNTS, ("on quality", "on latency", "on cost"), strict=True))
_BEST_FOR = dict(zip(COUNTS, ("quality", "speed", "cost"), strict=True))


def slide_remarks(run: RunInfo, running_id: str | None) -> str:
    """Return what every slide says of a run that is not its task's whole comparison; empty for one that is."""
    unfinished = f"{answers_in_words(run, running_id).capitalize()}."
    if state_of(run, running_id) is RunState.DONE:
        unfinished = ""
    return " ".join(part for part in (aside_in_words(run), unfinished) if part)


def with_remarks(slide: dict[str, Any], remarks: str, *, is_sample: bool) -> dict[str, Any]:
    """Write remarks under a slide's headline as large as its text, so that they are read with it."""
    kicker = f"Recorded run · {slide['kicker']}" if is_sample else slide["kicker"]
    return {**slide, "kicker": kicker, "blocks": [*([_texts([visible(remarks)])] if remarks else []), *slide["blocks"]]}


def task_slide(task: Task | None, manifest: Manifest) -> dict[str, Any]:
    """Describe the task by one row of it: what comes in, and what should come out."""
    plan = manifest.plan
    rows = f"{say.counted(len(plan.test_ids), 'row')} to answer, {say.number(len(plan.train_ids))} to learn from"
    if task is None:
        return _slide(
            STEPS[0], visible(plan.task_id), [_texts(["The task is no longer on this machine."]), _foot(rows)]
        )
    row = next((example for example in task.examples if example.id == plan.test_ids[0]), task.examples[0])
    kind = {
        AnswerKind.LABEL: f"one of {len(task.answer.labels)} categories",
        AnswerKind.SHORT: "a short answer",
        AnswerKind.JSON: "a record in JSON",
        AnswerKind.TEXT: "a text in a fixed style",
    }[task.answer.kind]
    quotes = [["For example", _cut(row.input)], [f"Wanted: {kind}", _cut(row.target)]]
    return _slide(
        f"{STEPS[0]} · {visible(task.title)}",
        visible(task.summary or task.title),
        [{"kind": "quotes", "quotes": quotes}, _foot(rows)],
    )


def rivals_slide(snapshot: RunSnapshot, manifest: Manifest) -> dict[str, Any]:
    """Introduce the variants and what each of them works with; a tuned one stands on its default's card."""
    model = manifest.model
    sign = Mark.IMPORTED.sign if manifest.imported else ""
    named = " · ".join(part for part in (model.name, model.quantization, sign) if part)
    by_id = {lane.variant.id: lane for lane in snapshot.lanes}
    tuned = {
        lane.variant.default_id: lane for lane in snapshot.lanes if by_id.get(lane.variant.default_id, lane) is not lane
    }
    cards = []
    for lane in snapshot.lanes:
        if lane in tuned.values():
            continue
        detail, other = _has(lane.variant, snapshot, lane), tuned.get(lane.variant.id)
        if other is not None:
            words = [other.variant.other_classifier, _has(other.variant, snapshot, other)]
            detail += f"\nTuned: {' · '.join(filter(None, words))}"
        cards.append(_card(lane, what=lane.variant.summary, detail=detail))
    also = f", {say.count(len(tuned))} also tuned" if tuned else ", one model, the same rows"
    headline = f"{say.count(len(cards)).capitalize()} ways to do it{also}"
    if len(cards) == 1:
        headline = f"One way to do it{', and tuned' if tuned else ''}, one model"
    return _slide(f"{STEPS[1]} · {visible(named)}", headline, [{"kind": "cards", "cards": cards}])


def verdict_slide(snapshot: RunSnapshot, manifest: Manifest, report: Report | None) -> dict[str, Any]:
    """Say what to choose, how sure that is, its three figures, and what to do next.

    Without a report (the task is gone), say which variant is best at what.
    """
    kicker = f"{STEPS[4]} · {where(manifest)}"
    imported = imported_sentence(imported=manifest.imported, rescored=manifest.rescored)
    effort = report.verdict.effort.text if report is not None else ""
    notes = [note for note in (effort, imported, snapshot.ended_early) if note]
    if report is None:
        found = bests(snapshot.lanes)
        cards = [_card(best.lane, figure=best.figure, what=best.count, detail=best.detail) for best in found]
        blocks = [{"kind": "cards", "cards": cards}, *(_foot(note) for note in notes)]
        return _slide(kicker, _headline(found), blocks)
    verdict = report.verdict
    shown = verdict.pick or verdict.leader
    lane = next((lane for lane in snapshot.lanes if lane.variant.id == shown), None)
    said = [text for text in (verdict.in_short, verdict.next_step.text) if text]
    blocks = [_texts([visible(text) for text in said])] if said else []
    if lane is not None:
        blocks.append({"kind": "figures", "figures": _figures(lane, report)})
    blocks += [_foot(note) for note in notes]
    return _slide(kicker, visible(verdict.headline), blocks) | {"huge": len(verdict.headline) <= _SHORT}


def _figures(lane: Lane, report: Report) -> list[dict[str, str]]:
    """Return quality, latency and cost of one lane, large; a figure that was not measured is left out.

    The interval of the quality is the report's, which knows among how many under these limits it came out on top.
    """
    item = report.of(lane.variant.id)
    rows = say.counted(item.rows, "test row")
    what = f"of {rows} right" if lane.is_share else f"mean score of {rows}"
    told = [
        (say.share(item.quality), FigureName.QUALITY, what, _interval(item)),
        (say.seconds(lane.total_p50_s), FigureName.TOTAL, "for a typical answer", _slowest(lane)),
        (
            say.money(lane.cost_usd_per_1k),
            FigureName.COST,
            "for 1,000 answers",
            _once(item, len(report.plan.train_ids)),
        ),
    ]
    return [
        _card(lane, figure=value, what=marked(what, lane.mark(name)), detail=detail) | {"name": ""}
        for value, name, what, detail in told
        if value != say.MISSING
    ]


def _interval(item: VariantFigures) -> str:
    return f"{item.name}, 95 % interval {say.share_ends(item.quality)}"


def _slowest(lane: Lane) -> str:
    return f"95 of 100 within {say.seconds(lane.total_p95_s)}" if lane.total_p95_s else ""


def _once(item: VariantFigures, train_rows: int) -> str:
    labelled = item.labelled(train_rows)
    rows = f"{say.counted(labelled, 'row')} to learn from" if labelled else "no labelled rows"
    return f"{rows}, {say.duration(item.prepare_s)} once" if item.prepare_s else rows


def _headline(found: Sequence[Best]) -> str:
    """Say who is best at what, of what was measured."""
    if not found:
        return "Nothing was measured"
    if len({best.name for best in found}) == 1:
        verb = "are" if len(found[0].lanes) > 1 else "is"
        return f"{found[0].name} {verb} best {say.listed([_BEST_ON[best.count] for best in found])}"
    counts: dict[str, list[str]] = {}
    for best in found:
        counts.setdefault(best.name, []).append(_BEST_FOR[best.count])
    return "; ".join(f"{name} for {say.listed(words)}" for name, words in counts.items())


def _has(variant: Variant, snapshot: RunSnapshot, lane: Lane) -> str:
    rows = len(snapshot.plan.train_ids)
    parts = []
    if variant.shots_k:
        by_row = lane.figures is not None and not lane.figures.fixed_shots
        parts.append(say.counted(variant.shots_k, f"{'nearest' if by_row else 'fixed'} example"))
    if variant.retrieval is not None:
        if examples := variant.retrieval.examples_k:
            parts.append(f"{say.counted(examples, 'nearest example')} of {say.number(rows)}")
        if passages := variant.retrieval.passages_k:
            parts.append(f"{say.counted(passages, 'passage')} of documents")
    if lane.figures is not None and lane.figures.weights_served:
        parts.append("weights that came with the server")
    elif variant.lora is not None:
        parts.append(f"trained on {say.counted(rows, 'row')}, rank {variant.lora.rank}")
    if variant.facts.fits:
        parts.append(f"fitted on {say.counted(rows, 'row')}")
    if lane.prepare_s:
        parts.append(f"{say.duration(lane.prepare_s)} to prepare")
    return " · ".join(parts) or "nothing to prepare"


def _card(lane: Lane, **texts: str) -> dict[str, str]:
    look = lane.variant.style
    return {"name": lane.name, "light": look.light, "dark": look.dark, **texts}


def _slide(kicker: str, headline: str, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kicker": kicker, "headline": headline, "blocks": blocks}


def _texts(texts: Sequence[str]) -> dict[str, Any]:
    return {"kind": "texts", "texts": list(texts)}


def _foot(text: str) -> dict[str, Any]:
    return {"kind": "foot", "text": text}


def _cut(text: str) -> str:
    shown = visible(text.strip())
    return shown if len(shown) <= _LONG else shown[:_LONG].rstrip() + " …"
