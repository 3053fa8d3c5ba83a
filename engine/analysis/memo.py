"""What a memo holds: a run's report with its charts, its rows and its manifest, gathered before anything is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.analysis.basis.effort_charts import effort_chart, expected_chart
from engine.analysis.basis.wholeness import answers_in_words
from engine.analysis.costs.break_even import BreakEven, CostLine, break_evens, choosable, closed_lines
from engine.analysis.costs.cost_charts import cost_chart
from engine.analysis.figures import VariantFigures
from engine.analysis.marks import FigureName
from engine.analysis.report import Report
from engine.analysis.report_charts import (
    calibration_chart,
    confusion_grid,
    coverage_chart,
    difference_grid,
    latency_chart,
)
from engine.analysis.run_table import FAILURES, RunTable
from engine.analysis.tradeoff import tradeoff_chart
from engine.charts.chart import Chart, Grid
from engine.core.run.infos import info_of
from engine.core.run.manifest import Manifest
from engine.core.run.prediction import Prediction
from engine.core.task import AnswerKind, Task
from engine.core.variant import DecodingMode, effective_mode
from engine.metrics.calibration import Coverage, calibration, coverage_curve
from engine.metrics.confusion import ClassFigures, class_figures, confusion

MOST_CLASSES = 15
"""Confusion matrices of more classes are left out of the memo; the screen has them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoAnswer:
    """What one variant made of one row."""

    name: str
    mark: str
    """`right`, `wrong`, `failed` or `missing`."""
    text: str
    seconds: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoRow:
    """One row with all answers."""

    example_id: str
    input: str
    target: str
    answers: tuple[MemoAnswer, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoContents:
    """Everything that a memo shows."""

    run_id: str
    report: Report
    charts: tuple[Chart, ...]
    differences: Grid
    classes: tuple[tuple[str, Grid, tuple[ClassFigures, ...]], ...]
    """Per variant: name, confusion matrix, classes in figures."""
    local_costs: tuple[CostLine, ...]
    closed_costs: tuple[CostLine, ...]
    break_evens: tuple[BreakEven, ...]
    rows: tuple[MemoRow, ...]
    prompts: tuple[tuple[str, str], ...]
    """Per generating variant: name and the exact prompt of the first row."""
    manifest: Manifest
    decoding: DecodingMode
    instructions: str
    licence: str
    leak_guard: str
    """What the leak guard found when the task was made, in a sentence; empty where none was run."""
    answers: str
    """How whole the run is, in words."""
    aside: str
    """Why the run is not its task's comparison; empty if it is."""


def gather_memo(
    run_id: str,
    report: Report,
    task: Task,
    table: RunTable,
    manifest: Manifest,
    first_row: Sequence[Prediction],
    *,
    aside: str = "",
) -> MemoContents:
    """Gather a memo. `first_row` holds the predictions on the first row, for their prompts.

    `aside` says why the run is not its task's comparison, if it is not.
    """
    months = report.limits.months
    local = tuple(item.cost for item in report.figures if item.cost.is_known)
    closed = tuple(closed_costs(report))
    names = {item.variant.id: item.name for item in report.figures}
    return MemoContents(
        run_id=run_id,
        report=report,
        charts=tuple(_charts(report, table, closed)),
        differences=difference_grid(report),
        classes=tuple(_classes(report, task, table)),
        local_costs=local,
        closed_costs=closed,
        break_evens=tuple(break_evens(choosable(local, closed, report.limits), months)),
        rows=tuple(_rows(report, task, table)),
        prompts=tuple((names[p.variant_id], p.prompt) for p in first_row if p.prompt and p.variant_id in names),
        manifest=manifest,
        decoding=effective_mode(task, report.plan.decoding),
        instructions=task.instructions,
        licence=task.licence,
        leak_guard=str(task.card.get("leak_guard", "")),
        answers=answers_in_words(info_of(manifest, int(table.made.sum()))),
        aside=aside,
    )


def closed_costs(report: Report, *, variant_id: str | None = None, extra_tokens: float = 0.0) -> list[CostLine]:
    """Price one variant's measured tokens at closed APIs: the one named, else the first without LoRA."""
    generating = [item for item in report.figures if item.variant.generates]
    chosen = next((item for item in generating if item.variant.id == variant_id), None)
    chosen = chosen or next((item for item in generating if item.variant.lora is None), None)
    if chosen is None or not chosen.prompt_tokens:
        return []
    return closed_lines(
        chosen.variant,
        prompt_tokens=chosen.prompt_tokens,
        completion_tokens=chosen.completion_tokens,
        labelled=chosen.labelled(len(report.plan.train_ids)),
        limits=report.limits,
        extra_tokens=extra_tokens,
    )


def confidences(report: Report, table: RunTable) -> list[tuple[VariantFigures, tuple[Any, tuple[Coverage, ...]]]]:
    """Return calibration and coverage of every variant whose answers carry probabilities."""
    found = []
    for item in report.figures:
        line = table.place(item.variant.id)
        made = table.made[line]
        curve = calibration(table.confidence[line, made], table.right[line, made])
        if curve is not None:
            found.append((item, (curve, coverage_curve(table.confidence[line, made], table.right[line, made]))))
    return found


def _charts(report: Report, table: RunTable, closed: Sequence[CostLine]) -> list[Chart]:
    charts = []
    if any(item.total_p95_s is not None for item in report.figures):
        charts.append(
            tradeoff_chart(
                report.figures,
                report.origin,
                metric=report.quality_title,
                limits=report.limits,
                differences=report.differences,
            )
        )
        charts.append(latency_chart(report))
    sure = confidences(report, table)
    if sure:
        charts.append(calibration_chart([(item, pair[0]) for item, pair in sure], report.origin))
        charts.append(coverage_chart([(item, pair[1]) for item, pair in sure], report.origin))
    local = [(item.cost, item.variant) for item in report.figures if item.cost.is_known]
    if local:
        charts.append(cost_chart(local, closed, report.limits))
    if report.searches:
        charts += [effort_chart(report.searches), expected_chart(report.searches)]
    return charts


def _classes(report: Report, task: Task, table: RunTable) -> list[tuple[str, Grid, tuple[ClassFigures, ...]]]:
    labels = task.answer.labels
    if task.answer.kind is not AnswerKind.LABEL or len(labels) > MOST_CLASSES:
        return []
    targets, answers = table.target_codes(labels), table.answer_codes(labels)
    found = []
    for item in report.figures:
        line = table.place(item.variant.id)
        made = table.made[line]
        matrix = confusion(targets[made], answers[line, made], labels)
        grid = confusion_grid(matrix, item.name, report.mark(FigureName.QUALITY))
        found.append((item.name, grid, class_figures(matrix)))
    return found


def _rows(report: Report, task: Task, table: RunTable) -> list[MemoRow]:
    inputs = {example.id: example.input for example in task.examples}
    lines = [(item.name, table.place(item.variant.id)) for item in report.figures]
    right, seconds = table.right, table.seconds["total_s"]
    found = []
    for row, example_id in enumerate(table.example_ids):
        answers = []
        for name, line in lines:
            if not table.made[line, row]:
                answers.append(MemoAnswer(name=name, mark="missing", text="", seconds=None))
                continue
            kind, code, spent = int(table.failure[line, row]), int(table.answer[line, row]), float(seconds[line, row])
            mark = "failed" if kind >= 0 else "right" if right[line, row] else "wrong"
            text = table.answers[code] if code >= 0 else FAILURES[kind].replace("_", " ") if kind >= 0 else ""
            answers.append(MemoAnswer(name=name, mark=mark, text=text, seconds=None if math.isnan(spent) else spent))
        found.append(
            MemoRow(
                example_id=example_id,
                input=inputs.get(example_id, "The task no longer has this row."),
                target=table.targets[row],
                answers=tuple(answers),
            )
        )
    return found
