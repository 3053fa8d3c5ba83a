"""`compare`: one run, or one per model, from options to written files."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from engine.analysis.basis.training_rows import offer_note, training_note
from engine.analysis.run_comparison import matrix
from engine.core.errors import UsageError
from engine.core.limits import Limits
from engine.core.prices import CostAssumptions
from engine.core.run.events import RunEnded
from engine.core.run.plan import CONTEXT_TOKENS, RunPlan
from engine.core.techniques import Technique
from engine.core.variant import DecodingMode, PriorCorrection
from engine.metrics import wording as say
from engine.running.defaults import TechniqueOptions, technique_from_name
from engine.services.lab import Lab
from terminal.exits import EXIT_CANCELLED, EXIT_DONE, EXIT_ERROR
from terminal.files import writable_folder, write_files
from terminal.language import language_note
from terminal.listings.results import matrix_data, show_matrix, show_results
from terminal.listings.verdict import tell_verdict
from terminal.options import (
    DEFAULT_COSTS,
    DEFAULT_DRAW,
    DEFAULT_LORA,
    DEFAULT_TASK,
    DEFAULT_TECHNIQUES,
    OPTIONS,
    Costs,
    Count,
    DrawOptions,
    Json,
    Lora,
    TaskOptions,
    Techniques,
    option_name,
)
from terminal.output import note, show_json
from terminal.running import carry_out, checked, stoppable
from terminal.sources import kept_run, task_id
from terminal.trials import trials_of
from wiring import open_lab

app = App(
    group_parameters=OPTIONS,
    name="compare",
    help_epilogue="Example: python cli.py compare --task support-tickets --limit 100 --out out",
)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """What to run, how many rows, and where to write the figures."""

    variants: str | None = None
    """Which variants, separated by commas; by default all that the task and the model can do."""
    limit: Count | None = None
    """Answer this many test rows; all by default."""
    split: str = "test"
    """The split to answer."""
    out: Path | None = None
    """Folder for run.json, predictions.*, summary.json; with several models, a folder in it for each model."""
    resume: Annotated[str | None, Parameter(metavar="RUN")] = None
    """Continue this run, which was stopped or killed; 'latest' takes the newest comparison."""
    more_rows: Annotated[Count | None, Parameter(metavar="ROWS")] = None
    """With --resume: add the next ROWS test rows to a finished run, for all variants that are still in it."""
    decoding: DecodingMode = DecodingMode.CHOICE
    """How an answer is decoded; a mode that does not suit the task is replaced by one that does."""
    prior_correction: PriorCorrection = PriorCorrection.AUTO
    """Choice: correct for labels that the model favours whatever the input; auto decides for each variant, on rows
    that it was not shown."""
    throughput: bool = False
    """Answer in batches: examples/s, no latencies."""
    stop_when_clear: bool = False
    """End once one variant is clearly the best."""
    race: bool = False
    """Go on without variants that are clearly behind, one by one. With 100 rows only wide gaps are clear, so
    that it saves little; with 300 it saves most answers where variants differ."""
    spend_saved: bool = False
    """With --race: give the answers that it spares to the variants still in it, as further test rows, unless one of
    them is already better than the others. The answers in all are at most those of the whole run."""
    effort: Annotated[float | None, Parameter(metavar="SECONDS")] = None
    """Search this many seconds, such as 180, 600 or 1800, for good settings of each technique, on training and
    validation rows; the tuned variants then answer beside the default ones."""
    trials: Annotated[str | None, Parameter(metavar="TRIALS")] = None
    """The effort in trials instead: a number for all, or few-shot=12,lora=3. The same numbers give the same choices.
    In few-shot=12x2, each trial answers two of the four parts of the labelled rows; in few-shot=12-3-7..9, the
    settings 3 and 7 to 9 are passed over."""
    end_search: bool = False
    """With --resume: end the search, and use the best so far."""
    draws: Count = 1
    """Divide the rows of few-shot and LoRA among this many draws of examples and trainings, up to 5."""
    context: Count = CONTEXT_TOKENS
    """Tokens of context per row."""
    send_rows_to: Annotated[str, Parameter(metavar="HOST", show_default=False)] = ""
    """Agrees that rows and documents are sent to this host: by a server that only forwards them, or to an
    embedder on another machine. Several hosts are separated by commas."""
    spending_limit: Annotated[float | None, Parameter(metavar="USD")] = None
    """Closed APIs: confirms the cost of model and embedders, and stops the run there."""


DEFAULT_RUN = RunOptions()
WHEN_RESUMED = frozenset({"resume", "out", "more_rows", "end_search", "send_rows_to", "spending_limit"})
"""What may be given when a run is resumed; all else is part of what it began with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """The options for every run."""

    draw: DrawOptions
    run: RunOptions
    techniques: TechniqueOptions
    costs: CostAssumptions


@app.default
def compare(
    *,
    data: TaskOptions = DEFAULT_TASK,
    draw: DrawOptions = DEFAULT_DRAW,
    run: RunOptions = DEFAULT_RUN,
    techniques: Techniques = DEFAULT_TECHNIQUES,
    lora: Lora = DEFAULT_LORA,
    costs: Costs = DEFAULT_COSTS,
    as_json: Json = False,
) -> int:
    """Run variants on one model or on several, one after the other."""
    if run.end_search and not run.resume:
        raise UsageError("--end-search ends the search of a run that is resumed.", "Name it with --resume RUN.")
    if run.more_rows and not run.resume:
        raise UsageError("--more-rows adds test rows to a finished run.", "Name it with --resume RUN.")
    if run.resume:
        for given, usual in (
            (data, DEFAULT_TASK), (run, DEFAULT_RUN), (draw, DEFAULT_DRAW), (techniques, DEFAULT_TECHNIQUES),
            (lora, DEFAULT_LORA), (costs, DEFAULT_COSTS),
        ):  # fmt: skip
            _refuse_changes(given, usual)
    asked = _Asked(
        draw=draw,
        run=run,
        techniques=replace(techniques, lora=replace(lora, seed=draw.seed)),
        costs=costs,
    )
    with closing(open_lab()) as lab:
        plans = [_kept_plan(lab, run)] if run.resume else _new_plans(lab, asked, data)
        code, summaries = EXIT_DONE, []
        for plan in plans:
            folder = _folder(run, plan, one_of=len(plans))
            code, summary = _carry_out(lab, plan, folder, run)
            summaries.append(summary)
            if not as_json:
                show_results(summary)
                tell_verdict(lab.results.report(plan.run_id, Limits()).verdict, kept_run(lab, plan.run_id))
            if code != EXIT_DONE:
                break
    side_by_side = matrix(summaries) if len(plans) > 1 and code == EXIT_DONE else None
    if as_json:
        show_json({"runs": summaries, **({"matrix": matrix_data(side_by_side)} if side_by_side else {})})
    elif side_by_side:
        show_matrix(side_by_side)
    return code


def _refuse_changes(given: Any, usual: Any) -> None:
    """Refuse what a resumed run would have to ignore.

    Raises:
        UsageError: an option differs from its default.
    """
    for field in fields(given):
        value = getattr(given, field.name)
        if field.name in WHEN_RESUMED or value == getattr(usual, field.name):
            continue
        if is_dataclass(value):
            _refuse_changes(value, getattr(usual, field.name))
        option = f"--{option_name(field.name)}"
        raise UsageError(
            f"A resumed run keeps its task, model and settings: {option} cannot change them.", "Leave it out."
        )


def _models(lab: Lab, names: str) -> list[str]:
    """Return the named models, each once; a wrong name is reported before the first run, not after it."""
    models = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if not models:
        raise UsageError("Which model?", "Name one with --model; 'cli.py models' lists them.")
    if len(models) > 1:
        for name in models:
            lab.models.get(name)
    return models


def _kept_plan(lab: Lab, run: RunOptions) -> RunPlan:
    run_id = kept_run(lab, run.resume or "").run_id
    if run.more_rows:
        return _with_more_rows(lab, run_id, run.more_rows, run)
    plan = lab.plans.kept(run_id)
    if run.send_rows_to:
        plan = replace(plan, rows_to=run.send_rows_to)
    return plan if run.spending_limit is None else replace(plan, spending_limit_usd=run.spending_limit)


def _with_more_rows(lab: Lab, run_id: str, rows: int, run: RunOptions) -> RunPlan:
    """Add test rows to a finished run, once nothing keeps them from being answered."""
    if run.out is not None:
        writable_folder(run.out)
    checked(lab, lab.plans.kept(run_id))
    plan = lab.more_rows.add(run_id, rows, spending_limit_usd=run.spending_limit)
    note(f"{say.counted(rows, 'more test row')}, {say.number(len(plan.test_ids))} in all.")
    return plan


def _new_plans(lab: Lab, asked: _Asked, data: TaskOptions) -> list[RunPlan]:
    """Plan a run for each model; what one of several needs, such as consent, is asked for before the first run."""
    models = _models(lab, data.model)
    task = task_id(data, lab, seed=asked.draw.seed)
    plans = [_new_plan(lab, asked, task, model) for model in models]
    for plan in plans if len(plans) > 1 else ():
        checked(lab, plan)
    return plans


def _new_plan(lab: Lab, asked: _Asked, task: str, model: str) -> RunPlan:
    run = asked.run
    trials = trials_of(run.trials) if run.trials is not None else None
    return lab.plans.make(
        task_id=task,
        model_id=model,
        techniques=_techniques(lab, run.variants, task, model),
        limit=run.limit,
        train_rows=asked.draw.train_rows,
        rows_per_label=asked.draw.rows_per_label,
        seed=asked.draw.seed,
        decoding=run.decoding,
        prior_correction=run.prior_correction,
        throughput=run.throughput,
        stop_when_clear=run.stop_when_clear,
        race=run.race,
        spend_saved=run.spend_saved,
        draws=run.draws,
        effort_s=run.effort,
        trials=trials.counts if trials else None,
        folds=trials.folds if trials else None,
        passed=trials.passed if trials else None,
        context_tokens=run.context,
        test_split=run.split,
        options=asked.techniques,
        costs=asked.costs,
        spending_limit_usd=run.spending_limit,
        rows_to=run.send_rows_to,
    )


def _techniques(lab: Lab, given: str | None, task: str, model: str) -> list[Technique]:
    """Return the requested techniques, else the usual ones."""
    if given is not None:
        return [technique_from_name(name) for name in given.split(",") if name.strip()]
    return list(lab.plans.usual(task, model).techniques)


def _folder(run: RunOptions, plan: RunPlan, *, one_of: int) -> Path | None:
    if run.out is None or one_of == 1:
        return run.out
    return run.out / re.sub(r"[^A-Za-z0-9.]+", "-", plan.model_id).strip("-")


def _carry_out(lab: Lab, plan: RunPlan, out: Path | None, run: RunOptions) -> tuple[int, dict[str, Any]]:
    """Execute one run and write its files; return the exit code and the run's figures."""
    if out is not None:
        writable_folder(out)
    for words in checked(lab, plan).notes:
        note(words, dim=True)
    if not run.resume and run.variants is None and (words := lab.plans.usual(plan.task_id, plan.model_id).left_out):
        note(words)
    _tell_training_rows(lab, plan, offered=not run.resume)
    if words := language_note(lab, lab.tasks.get(plan.task_id), plan.model_id):
        note(words)
    with stoppable() as cancel:
        ended = carry_out(lab, plan, cancel, resume=bool(run.resume), end_search=run.end_search)
    summary = lab.results.summary(plan.run_id)
    if out is not None:
        write_files(out, lab.exports.export(plan.run_id))
    return _told(ended, lab.results.plan(plan.run_id)), summary


def _tell_training_rows(lab: Lab, plan: RunPlan, *, offered: bool) -> None:
    """Say which labels have no training row, and offer more rows with the time that they take."""
    words = training_note(lab.plans.training(plan), test_rows=len(plan.test_ids))
    if words:
        note(words)
    offer = lab.plans.row_offer(plan) if offered else None
    if offer is not None:
        note(f"{offer_note(offer)} Ask for them with --rows-per-label {offer.per_label}.", dim=True)


def _told(ended: RunEnded, plan: RunPlan) -> int:
    if ended.status == "done":
        return EXIT_DONE
    note(f"{ended.message} {ended.fix}")
    if ended.goes_on:
        note(f"Continue with: python cli.py compare --resume {plan.run_id}")
        if plan.effort is not None and not plan.effort.settled:
            note("With --end-search it goes on with the best settings found so far.")
    return EXIT_CANCELLED if ended.status == "cancelled" else EXIT_ERROR
