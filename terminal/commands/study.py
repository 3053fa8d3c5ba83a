"""`study`: what changes with the number of labels, with the rows, with the context, with the seed.

A study is a series of runs. Saved runs are reused, whether the web app or the terminal made them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from engine.analysis.marks import Origin, marks_by_name
from engine.analysis.run_table import RunTable
from engine.core.errors import UsageError, unknown_name
from engine.core.run.infos import RunInfo
from engine.core.run.manifest import Purpose
from engine.core.run.plan import TEST_ROWS
from engine.core.task import MADE_FROM, Task
from engine.core.techniques import TECHNIQUES, Technique, able
from engine.core.variant import DecodingMode, effective_mode, variant_names
from engine.metrics import wording as say
from engine.running.defaults import technique_from_name
from engine.services.lab import Lab
from engine.services.models import model_changed_since
from engine.services.tasks import changed_since
from engine.studies.context import AMONG, ROWS, Found, number_words, place_gaps, place_words, supported_rows
from engine.studies.context import SIZES as PASSAGES
from engine.studies.drift import drift_changes, left_out_in_words, who_breaks
from engine.studies.learning_curve import CURVE_TECHNIQUES, SEEDS, SIZES, curve_points, would_labels_help
from engine.studies.seed_variation import NO_WHOLE_DRAWS, seeds_in_words, variations
from terminal.listings.studies import curve_listing, draws_listing, drift_listing, passages_listing, places_listing
from terminal.options import DEFAULT_TASK, OPTIONS, Count, Json, Run, TaskOptions
from terminal.sources import kept_run, task_id
from terminal.studying import DEFAULT_STUDY, Done, Findings, StudyOptions, study
from wiring import open_lab

app = App(
    group_parameters=OPTIONS,
    name="study",
    help_epilogue="Ctrl-C stops a study; the same command continues with the missing runs.",
)
LEAST_DRAWS = 2
_UNMARKED = "No test row of this task marks the passage that supports it, so its position cannot be varied."
CURVE_SIZES, CONTEXT_SIZES = (",".join(map(str, sizes)) for sizes in (SIZES, PASSAGES))
DRAWS = "Number of seeds, including this run's own; the others follow this run's seed."


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True, slots=True)
class CurveOptions:
    """What a learning curve measures."""

    techniques: str | None = None
    """Which techniques, separated by commas; by default all that learn from rows and train no weights."""
    sizes: Annotated[str | None, Parameter(show_default=CURVE_SIZES)] = None
    """Numbers of training rows, separated by commas; 0 is the bare prompt."""
    draws: Count = SEEDS
    """Number of seeds for each number of rows; each draws other training rows."""
    test_rows: Count = TEST_ROWS
    """Number of test rows, the same for every point; all if there are fewer."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True, slots=True)
class ContextOptions:
    """What a context study measures."""

    sizes: Annotated[str | None, Parameter(show_default=CONTEXT_SIZES)] = None
    """Numbers of passages that retrieval puts into a prompt, separated by commas."""
    passages: Count = AMONG
    """Number of passages among which the supporting one moves, if rows mark it."""
    test_rows: Count = ROWS
    """Number of test rows, the same for every number of passages; all if there are fewer."""


DEFAULT_CURVE, DEFAULT_CONTEXT = CurveOptions(), ContextOptions()


@app.command
def learning_curve(
    *,
    data: TaskOptions = DEFAULT_TASK,
    curve: CurveOptions = DEFAULT_CURVE,
    options: StudyOptions = DEFAULT_STUDY,
    as_json: Json = False,
) -> int:
    """Quality as training rows grow: would more labels help, and which technique?"""
    with closing(open_lab()) as lab:
        name = task_id(data, lab)
        task = lab.tasks.get(name)
        chosen = _curve_techniques(task, curve.techniques)
        plans = lab.studies.learning_curve(
            task_id=name,
            model_id=data.model,
            techniques=chosen,
            sizes=_curve_sizes(task, curve.sizes),
            draws=curve.draws,
            test_rows=min(curve.test_rows, len(task.split("test"))),
            decoding=_decoding(task),
            embedder=options.embedder,
        )

        def found(done: Done) -> Findings:
            points = curve_points([(plan, *_measured(lab, run.run_id)) for plan, run in done])
            return Findings(
                sentences=would_labels_help(points, chosen),
                listings=[curve_listing(points)],
                figures={"points": points},
                remarks=["Few-shot shows the model at most the task's default number of rows."],
            )

        return study(lab, Purpose.LEARNING_CURVE, plans, options, found, as_json=as_json)


@app.command
def drift(run: Run, /, *, options: StudyOptions = DEFAULT_STUDY, as_json: Json = False) -> int:
    """A run's variants on the task's drift rows, and on the same rows with noisy input: which variants degrade?"""
    with closing(open_lab()) as lab:
        info = _base_run(lab, run)
        base = lab.results.plan(info.run_id)
        plans = lab.studies.drift(base)
        kinds = {plan.run_id: kind for kind, plan in plans.items()}

        def found(done: Done) -> Findings:
            changed = {kinds[plan.run_id]: _measured(lab, run.run_id) for plan, run in done}
            changes = drift_changes(base, _measured(lab, info.run_id), changed)
            aside = left_out_in_words(lab.tasks.get(base.task_id), base.test_ids)
            return Findings(
                sentences=who_breaks(changes),
                listings=[drift_listing(changes)],
                figures={"changes": changes},
                remarks=[aside] if aside else [],
            )

        return study(lab, Purpose.DRIFT, list(plans.values()), options, found, studied_run=info.run_id, as_json=as_json)


@app.command
def context(
    *,
    data: TaskOptions = DEFAULT_TASK,
    choices: ContextOptions = DEFAULT_CONTEXT,
    options: StudyOptions = DEFAULT_STUDY,
    as_json: Json = False,
) -> int:
    """What more passages gain and cost, and whether the supporting one gets lost among them."""
    with closing(open_lab()) as lab:
        name = task_id(data, lab)
        task = lab.tasks.get(name)
        rows = min(choices.test_rows, len(task.split("test")))
        decoding = _decoding(task)
        numbers = lab.studies.passages(
            task_id=name,
            model_id=data.model,
            sizes=_numbers(choices.sizes, PASSAGES, least=1),
            rows=rows,
            decoding=decoding,
            embedder=options.embedder,
        )
        marked = bool(supported_rows(task))
        places = (
            lab.studies.places(
                task_id=name, model_id=data.model, passages=choices.passages, rows=rows, decoding=decoding
            )
            if marked
            else {}
        )

        def found(done: Done) -> Findings:
            runs = {plan.run_id: run.run_id for plan, run in done}
            sized = {size: _figures(lab, runs[plan.run_id]) for size, plan in numbers.items() if plan.run_id in runs}
            placed = {place: runs[plan.run_id] for place, plan in places.items() if plan.run_id in runs}
            gaps = place_gaps({place: lab.results.table(run_id) for place, run_id in placed.items()})
            by_place = {place: _figures(lab, run_id) for place, run_id in placed.items()}
            return Findings(
                sentences=[
                    *([number_words(sized)] if sized else []),
                    *([place_words(gaps, choices.passages)] if len(placed) > 1 else []),
                ],
                listings=[
                    *([passages_listing(sized)] if sized else []),
                    *([places_listing(by_place, gaps, choices.passages)] if by_place else []),
                ],
                figures={
                    "by_number": {size: item for size, (item, _origin) in sized.items()},
                    "by_place": {place: item for place, (item, _origin) in by_place.items()},
                    "gaps": gaps,
                    "marks": {
                        "by_number": {size: marks_by_name(*measured) for size, measured in sized.items()},
                        "by_place": {place: marks_by_name(*measured) for place, measured in by_place.items()},
                    },
                },
                remarks=[] if marked else [_UNMARKED],
            )

        return study(lab, Purpose.CONTEXT, [*numbers.values(), *places.values()], options, found, as_json=as_json)


@app.command
def seeds(
    run: Run,
    /,
    *,
    draws: Annotated[int, Parameter(help=DRAWS)] = 3,
    options: StudyOptions = DEFAULT_STUDY,
    as_json: Json = False,
) -> int:
    """Repeat a run with other seeds for training rows, examples and LoRA: was its result luck?"""
    with closing(open_lab()) as lab:
        info = _base_run(lab, run)
        if draws < LEAST_DRAWS:
            raise UsageError("A single seed shows no variation.", f"Ask for --draws {LEAST_DRAWS} or more.")
        base = lab.results.plan(info.run_id)
        plans = lab.studies.seeds(base, range(base.seed + 1, base.seed + draws))

        def found(_done: Done) -> Findings:
            tables = {seed: lab.results.table(one.run_id) for seed, one in lab.studies.draws_of(info).items()}
            names = variant_names(base.variants)
            known = {names[one]: variation for one, variation in variations(tables, base.variants).items()}
            return Findings(
                sentences=[],
                listings=[draws_listing(known, base.seed)],
                figures={"draws": known},
                remarks=[seeds_in_words(tables) if known else NO_WHOLE_DRAWS],
            )

        return study(lab, Purpose.SEEDS, plans, options, found, studied_run=info.run_id, as_json=as_json)


def _curve_techniques(task: Task, given: str | None) -> list[Technique]:
    """Return the requested techniques; by default those that learn from rows and train no weights."""
    offered = [technique for technique in able(labels=task.has_labels) if technique in CURVE_TECHNIQUES]
    if given is None:
        return [technique for technique in offered if not TECHNIQUES[technique].trains]
    asked = [technique_from_name(name) for name in given.split(",") if name.strip()]
    for technique in asked:
        if technique not in offered:
            raise unknown_name(f"technique of a learning curve on '{task.id}'", technique, offered)
    return [technique for technique in offered if technique in asked]


def _curve_sizes(task: Task, given: str | None) -> list[int]:
    most = len(task.split("train"))
    sizes = _numbers(given, [size for size in SIZES if size <= most], least=0)
    if sizes[-1] > most:
        raise UsageError(f"'{task.id}' has {say.counted(most, 'training row')}, not {sizes[-1]}.", "Ask for fewer.")
    return sizes


def _numbers(given: str | None, usual: Sequence[int], *, least: int) -> list[int]:
    """Parse numbers separated by commas, in ascending order; `usual` if none are given."""
    if given is None:
        return sorted(usual)
    try:
        numbers = sorted({int(part) for part in given.split(",") if part.strip()})
    except ValueError:
        raise UsageError(f"--sizes got '{given}'.", "Write whole numbers, separated by commas.") from None
    if not numbers or numbers[0] < least:
        raise UsageError(f"--sizes got '{given}'.", f"Write whole numbers of at least {least}, separated by commas.")
    return numbers


def _decoding(task: Task) -> DecodingMode:
    """Return the default decoding for this task, the same as on the pages."""
    return effective_mode(task, DecodingMode.CHOICE)


def _figures(lab: Lab, run_id: str) -> Found:
    """Return the figures of a run's only variant, and where they come from."""
    return lab.results.figures(run_id).figures[0], lab.results.origin(run_id)


def _measured(lab: Lab, run_id: str) -> tuple[RunTable, Origin]:
    """Return a run's predictions as columns, and where its figures come from."""
    return lab.results.table(run_id), lab.results.origin(run_id)


def _base_run(lab: Lab, name: str) -> RunInfo:
    """Return the saved run that a study starts from.

    Raises:
        UsageError: there is none, it has no answers, its task or model has changed, or its rows are made from others.
    """
    info = kept_run(lab, name)
    if not info.rows_done:
        raise UsageError(f"Run {info.run_id} has no answers.", "Choose another run, or resume it.")
    if MADE_FROM in info.task_id:
        raise UsageError(f"The rows of run {info.run_id} are derived from other rows.", "Choose the original run.")
    if lab.tasks.has_changed(lab.results.manifest(info.run_id)):
        raise changed_since(info.task_id, info.run_id)
    if lab.models.has_changed(lab.results.manifest(info.run_id)):
        raise model_changed_since(lab.models.get(info.model_id), info.run_id)
    return info
