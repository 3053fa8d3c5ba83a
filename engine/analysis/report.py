"""A finished run, assessed under the user's limits: its figures, the costs in total and the verdict. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.analysis.basis.efforts import effort_basis
from engine.analysis.basis.language_parts import LanguageParts
from engine.analysis.basis.row_looks import RowLooks
from engine.analysis.basis.training_rows import TrainingRows, training_rows
from engine.analysis.costs.break_even import with_limits
from engine.analysis.figures import RunFigures, run_figures
from engine.analysis.marks import FigureName, Origin, column_marks, origin_of
from engine.analysis.run_table import RunTable
from engine.analysis.tradeoff import pareto
from engine.analysis.verdict.contenders import contenders, with_default_settings
from engine.analysis.verdict.deciding import corrected_under, decide
from engine.analysis.verdict.ruling import Verdict
from engine.core.embedder import embedder_name
from engine.core.limits import Limits
from engine.core.run.effort import Search
from engine.core.run.manifest import Conditions
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.metrics.marks import Mark, foremost


@dataclass(frozen=True, kw_only=True, slots=True)
class Report(RunFigures):
    """A run in figures, assessed under the user's limits."""

    limits: Limits
    searches: Mapping[str, Search]
    """The searches for settings, by tuned variant; also of those that kept the default's."""
    training: TrainingRows
    """What the variants learned from, and the labels that they never saw."""
    looks: RowLooks
    """What was seen of the test rows before this run."""
    verdict: Verdict
    origin: Origin
    """Where its figures come from."""

    @property
    def embedders(self) -> tuple[str, ...]:
        """Names of the embedders that decide what any variant answers."""
        return tuple(dict.fromkeys(embedder_name(one.embedder) for one in self.plan.variants if one.embeds))

    def marks(self, figure: FigureName) -> tuple[Mark, ...]:
        """Return the marks of one figure of every variant, in the order of `figures`."""
        return column_marks(figure, self.figures, self.origin)

    def mark(self, figure: FigureName) -> Mark:
        """Return one mark for a figure of all variants, for an axis."""
        return foremost(self.marks(figure))


def assess(plan: RunPlan, task: Task, table: RunTable, conditions: Conditions, limits: Limits) -> Report:
    """Assess a run under the user's limits, as the first look at its test rows.

    Variants without a single prediction are left out.
    """
    run = run_figures(plan, task, table, conditions)
    return judge(
        run,
        limits,
        training=training_rows(plan, task),
        looks=RowLooks(),
        origin=origin_of(plan, conditions),
        searches=conditions.searches,
    )


def judge(
    run: RunFigures,
    limits: Limits,
    *,
    training: TrainingRows,
    looks: RowLooks,
    origin: Origin,
    languages: LanguageParts | None = None,
    searches: Mapping[str, Search] | None = None,
) -> Report:
    """Set limits: what each variant costs in total, and the verdict."""
    train_rows = len(run.plan.train_ids)
    found = tuple(replace(item, cost=with_limits(item.cost, item.labelled(train_rows), limits)) for item in run.figures)
    uncorrected = replace(run, figures=found)
    contending = corrected_under(contenders(uncorrected, limits), limits)
    corrected = {item.variant.id: item for item in contending.figures}
    aside = [item for item in found if item.variant.id not in corrected]
    verdict = decide(contending, limits, training=training, looks=looks, languages=languages, aside=aside)
    shown = [corrected.get(item.variant.id, item) for item in found]
    shown = [replace(item, scores={**item.scores, run.metric: item.quality}) if item.scores else item for item in shown]
    run = replace(uncorrected, figures=tuple(shown))
    if run.plan.effort is not None:
        verdict = replace(verdict, pareto=pareto(run.figures, run.differences))
        alone = corrected_under(with_default_settings(uncorrected), limits)
        by_default = decide(alone, limits, training=training, looks=looks, languages=languages)
        verdict = replace(verdict, effort=effort_basis(run, contending.figures, verdict, by_default))
    return Report(
        plan=run.plan,
        task_title=run.task_title,
        metric=run.metric,
        is_share=run.is_share,
        figures=run.figures,
        differences=run.differences,
        limits=limits,
        training=training,
        looks=looks,
        verdict=verdict,
        origin=origin,
        searches=searches or {},
    )
