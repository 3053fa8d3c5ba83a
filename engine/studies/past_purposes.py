"""What kept runs that do not say it were made for, told from what only a study does. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.core.run.manifest import Manifest, Purpose
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.core.techniques import Technique
from engine.studies.context import LONG_CONTEXT_TOKENS
from engine.studies.drift import DRIFT

_SIZES_OF_A_CURVE = 3
"""Two numbers of training rows may be two comparisons."""


def split_of(plan: RunPlan, task: Task) -> str:
    """Return the split of a task that a plan's rows come from; empty where the task does not have them in one."""
    wanted = set(plan.test_ids)
    found = {example.split for example in task.examples if example.id in wanted}
    return next(iter(found)) if len(found) == 1 else ""


def purposes_of(manifests: Sequence[Manifest], splits: Mapping[str, str]) -> dict[str, Purpose]:
    """Tell why runs were made that do not say, by run.

    * Rows of the drift split, which a comparison takes only if it is told to.
    * One RAG variant without examples in a long context: Context, whose other runs are on rows made for it.
    * Batches on the same test rows with three or more numbers of training rows: a learning curve.

    Args:
        manifests: as they were read; one on rows made from others has its purpose already.
        splits: that their rows come from, by run.
    """
    curves = _curves(manifests)
    return {manifest.plan.run_id: _purpose(manifest, splits, curves) for manifest in manifests}


def _purpose(manifest: Manifest, splits: Mapping[str, str], curves: Iterable[str]) -> Purpose:
    run_id = manifest.plan.run_id
    if manifest.purpose is not Purpose.COMPARISON:
        return manifest.purpose
    if splits.get(run_id) == DRIFT:
        return Purpose.DRIFT
    if _shows_passages_alone(manifest.plan):
        return Purpose.CONTEXT
    return Purpose.LEARNING_CURVE if run_id in curves else Purpose.COMPARISON


def _shows_passages_alone(plan: RunPlan) -> bool:
    if len(plan.variants) != 1 or plan.context_tokens != LONG_CONTEXT_TOKENS:
        return False
    (variant,) = plan.variants
    retrieval = variant.retrieval
    return variant.technique is Technique.RAG and retrieval is not None and not retrieval.examples_k


def _curves(manifests: Sequence[Manifest]) -> set[str]:
    groups: dict[tuple[str, str, tuple[str, ...]], dict[str, int]] = {}
    for plan in (manifest.plan for manifest in manifests):
        if plan.throughput:
            rows = groups.setdefault((plan.task_id, plan.model_id, plan.test_ids), {})
            rows[plan.run_id] = len(plan.train_ids)
    return {run_id for rows in groups.values() if len(set(rows.values())) >= _SIZES_OF_A_CURVE for run_id in rows}
