"""From a task, a model and what the user chose to a plan. Pure apart from the run's id and today's prices."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Required, TypedDict, Unpack

from engine.core.embedder import ENGLISH_EMBEDDER
from engine.core.errors import UsageError
from engine.core.generation import ModelFacts
from engine.core.prices import CostAssumptions
from engine.core.run.effort import Effort
from engine.core.run.plan import CONTEXT_TOKENS, RunPlan, new_run_id
from engine.core.task import Example, Task
from engine.core.techniques import Technique
from engine.core.variant import TUNED_ENDING, DecodingMode, DecodingSpec, PriorCorrection, Variant
from engine.metrics.costing import token_prices
from engine.running.defaults import TechniqueOptions, default_variants
from engine.running.preflight.embedders import EmbedderChoice, with_embedders
from engine.running.preflight.remote_embedders import used_by
from engine.running.sampling import choose_test_rows, draw_training_rows
from engine.running.search.folds import FOLDS, all_judge_beside, beside_training, pooled, seal_of
from engine.running.search.spaces import space_of

ALL_TECHNIQUES = "all"
"""Stands for every technique that is given no number of trials of its own."""
MOST_DRAWS = 5
"""Each draw of LoRA weights is one more training."""


class PlanChoices(TypedDict, total=False):
    """What the user may choose of a run; all but the techniques have defaults."""

    techniques: Required[Sequence[Technique]]
    """Which, each once."""
    limit: int | None
    """How many test rows; all by default."""
    train_rows: int | None
    """How many training rows, spread evenly over labels; `engine.running.sampling` says how many by default."""
    rows_per_label: int | None
    """So many training rows for each label, instead of a number in all."""
    seed: int
    """Draws training rows, shots, test rows, LoRA."""
    decoding: DecodingMode
    """How answers are generated; what does not fit the task is replaced by what does."""
    throughput: bool
    """Answer in batches, without latencies."""
    context_tokens: int
    """Room for prompt and answer of one row."""
    costs: CostAssumptions | None
    test_split: str
    """The split that is answered."""
    options: TechniqueOptions | None
    stop_when_clear: bool
    """End once one variant is clearly the best."""
    race: bool
    """Go on without variants that are clearly behind."""
    spend_saved: bool
    """Give the answers that a race saves to the variants still in it."""
    draws: int
    """Share the rows of variants with shots or LoRA out over so many draws and trainings."""
    spending_limit_usd: float | None
    """The run stops when it has cost this much at closed APIs."""
    effort_s: float | None
    """Seconds of search for good settings for each technique; tuned variants then stand beside the default ones."""
    trials: Mapping[str, int] | None
    """Trials by technique or variant, instead of seconds; the technique `ALL_TECHNIQUES` stands for the others."""
    folds: Mapping[str, int] | None
    """With `trials`: how many of the four folds a trial answers, by technique, as there; all by default."""
    passed: Mapping[str, tuple[int, ...]] | None
    """With `trials`: numbers of the settings that are passed over, by technique or variant; none by default."""
    rows_to: str
    """The hosts, separated by commas, to which rows may be sent: by a server that does not answer itself, or to an
    embedder."""
    embedding: EmbedderChoice
    """The embedders, chosen; by default the bundled one."""
    prior_correction: PriorCorrection
    """Whether the prior for label names is taken away; by default decided for each variant."""


def plan_run(task: Task, facts: ModelFacts, *, task_id: str = "", **choices: Unpack[PlanChoices]) -> RunPlan:
    """Fix what a run computes.

    Args:
        task: what is answered.
        facts: the model that answers.
        task_id: the name under which the task was found, if that is not its id.
        choices: the user's.

    Raises:
        UsageError: nothing to compute.
    """
    techniques, seed = choices["techniques"], choices.get("seed", 0)
    test_split, context_tokens = choices.get("test_split", "test"), choices.get("context_tokens", CONTEXT_TOKENS)
    test = choose_test_rows(task.split(test_split), choices.get("limit"), seed=seed)
    if not 1 <= choices.get("draws", 1) <= MOST_DRAWS:
        raise UsageError(f"{choices.get('draws')} draws are not possible.", f"Ask for 1 to {MOST_DRAWS}.")
    if choices.get("spend_saved", False) and not choices.get("race", False):
        raise UsageError("Only a race spares answers.", "Turn on Race as well (terminal: --race).")
    if not test:
        raise UsageError(f"There are no '{test_split}' rows to answer.", "Ask for at least one row.")
    train = draw_training_rows(task, choices.get("train_rows"), per_label=choices.get("rows_per_label"), seed=seed)
    decoding = _decoding(task, choices.get("decoding", DecodingMode.CHOICE), choices.get("prior_correction"))
    options, embedding = choices.get("options"), choices.get("embedding") or EmbedderChoice()
    variants = with_embedders(
        default_variants(techniques, task, seed=seed, options=options, decoding=decoding),
        embedding,
        search=options.search if options else None,
    )
    effort = _effort(task, train, test, variants, choices)
    planned = with_tuned(variants, task) if effort else variants
    return RunPlan(
        run_id=new_run_id(),
        task_id=task_id or task.id,
        model_id=facts.id,
        variants=planned,
        test_ids=tuple(example.id for example in test),
        train_ids=tuple(example.id for example in train),
        seed=seed,
        context_tokens=min(context_tokens, facts.context_tokens or context_tokens),
        throughput=choices.get("throughput", False),
        costs=choices.get("costs") or CostAssumptions(),
        stop_when_clear=choices.get("stop_when_clear", False),
        race=choices.get("race", False),
        spend_saved=choices.get("spend_saved", False),
        draws=choices.get("draws", 1),
        effort=effort,
        prices=token_prices(facts.price_ref) if facts.price_ref else None,
        rows_to=choices.get("rows_to", ""),
        remote_embedders=used_by(planned, embedding.remote),
        handicaps=embedding.handicaps if any(variant.embedder for variant in variants) else (),
        spending_limit_usd=choices.get("spending_limit_usd"),
    )


def with_tuned(variants: Sequence[Variant], task: Task) -> tuple[Variant, ...]:
    """Put a tuned variant behind each one that has something to search for."""
    beside = []
    for variant in variants:
        tuned = replace(variant, id=f"{variant.id}{TUNED_ENDING}", tuned=True)
        beside += [variant, tuned] if space_of(tuned, task) else [variant]
    return tuple(beside)


def _effort(
    task: Task, train: Sequence[Example], test: Sequence[Example], variants: Sequence[Variant], choices: PlanChoices
) -> Effort | None:
    seconds, trials = choices.get("effort_s"), choices.get("trials")
    if seconds is None and not trials:
        return None
    if seconds is not None and trials:
        raise UsageError("Both a search time and a number of trials were given.", "Give one of the two.")
    if seconds is not None and seconds <= 0:
        raise UsageError(f"A search of {seconds:g} seconds is too short.", "Ask for more, such as 180.")
    seed = choices.get("seed", 0)
    pool = pooled(task, train, [row.id for row in test], seed=seed)
    if len(pool) < FOLDS:
        raise UsageError(
            f"Settings are judged on labelled rows that are not tested, and there are {len(pool)}.",
            "Add training or validation rows, or run without a search for settings.",
        )
    given, parts = trials or {}, choices.get("folds") or {}
    names = {ALL_TECHNIQUES, *(str(one.technique) for one in variants), *(one.id for one in variants)}
    if other := [name for name in given if name not in names]:
        raise UsageError(f"Trials were given for {other[0]}, which is not among the variants.", "Leave it out.")
    # What else is given stands beside a number of trials, and holds for the same variants.
    keys = {one.id: _key(given, one) for one in variants} if trials else {}
    counted = {name: given.get(key, 1) for name, key in keys.items()}
    if any(count < 1 for count in counted.values()):
        raise UsageError("A technique was given 0 trials.", "The first trial is the default: ask for 1 or more.")
    if any(not 1 <= count <= FOLDS for count in parts.values()):
        raise UsageError(
            "A trial cannot answer that many parts of the rows.", f"There are {FOLDS}: ask for 1 to {FOLDS}."
        )
    passed = choices.get("passed") or {}
    if any(0 in numbers for numbers in passed.values()):
        raise UsageError("Setting 0 is the default and cannot be passed over.", "Name others, from 1 on.")
    return Effort(
        seconds=seconds,
        trials=counted,
        folds={name: parts.get(key, FOLDS) for name, key in keys.items()} if parts else {},
        passed={name: passed[key] for name, key in keys.items() if key in passed},
        pool_ids=tuple(row.id for row in pool),
        weights_ids=tuple(row.id for row in beside_training(pool, train)),
        shown_as_run=all_judge_beside(pool, train),
        sealed=seal_of(test),
    )


def _key(given: Collection[str], variant: Variant) -> str:
    """Return under which name a variant's trials were given: its own, its technique's, or that of all."""
    return next((name for name in (variant.id, str(variant.technique)) if name in given), ALL_TECHNIQUES)


def _decoding(task: Task, mode: DecodingMode, correction: PriorCorrection | None) -> DecodingSpec:
    """Only choice decoding of labels has a prior for them."""
    if mode is not DecodingMode.CHOICE or not task.has_labels:
        return DecodingSpec(mode=mode)
    return DecodingSpec(mode=mode, prior_correction=correction or PriorCorrection.AUTO)


def same_experiment(first: RunPlan, second: RunPlan) -> bool:
    """Tell whether two plans compute the same, regardless of their ids and cost assumptions."""
    return _what_counts(first) == _what_counts(second)


def _what_counts(plan: RunPlan) -> RunPlan:
    """Leave out ids, cost assumptions and consent; older plans do not name the bundled embedder."""
    variants = tuple(
        replace(variant, embedder="") if variant.embedder.startswith(f"{ENGLISH_EMBEDDER}@") else variant
        for variant in plan.variants
    )
    return replace(plan, run_id="", costs=CostAssumptions(), variants=variants, rows_to="", spending_limit_usd=None)
