"""What a plan will take, before it starts: rough figures from sizes, shown as estimates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from engine.core.capabilities import Capabilities, Support
from engine.core.embedder import MULTILINGUAL_EMBEDDER, embedder_name
from engine.core.generation import ModelFacts
from engine.core.prices import TokenPrices
from engine.core.run.effort import Effort
from engine.core.run.infos import Preflight, RunEstimate
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.core.variant import LoraSpec, ShotChoice, TrainingPrompts, Variant
from engine.metrics import wording as say
from engine.running.preflight.backend_checks import backend_limits, lora_comes_with_the_server
from engine.running.preflight.embedders import handicap_sentences, remedies
from engine.running.preflight.remote_embedders import embedding_estimate_usd, sources_of
from engine.running.preflight.saved_rows import plan_note, rows_at_most
from engine.running.preflight.training_memory import TrainingBytes, training_memory
from engine.running.preparation.priors import count_rows
from engine.running.row_tokens import RowTokens, retrieved, row_tokens, work
from engine.running.search.folds import FOLDS
from engine.running.search.seeker import LEAST_TRIALS
from engine.running.search.spaces import longest_setting, space_of, turned

FLOPS_PER_CORE = 60e9
"""Measured with SmolLM2-135M Q4_1 in llama.cpp and AVX-512: 225 fresh tokens/s a core, at 2 x 135M flops a token."""
LABEL_TOKENS = 12
"""A label in its JSON object."""
TRAINING_PASSES = 1.1
"""A token forward and backward, in units of a token read while answering: 410 tokens/s on two such cores with bf16."""
SERVER_ROW_S = 1.0
"""Assumed for a row at a server whose model size and speed are unknown."""
SERVER_ROWS_AT_ONCE = 4
"""Assumed for a search and for the rows that decide, which are asked for several at once."""
EMBED_ROW_S = 0.007
"""A training row for the classifier, or for the index: 2,000 short ones embedded and fitted in 14.5 s on two cores."""
MULTILINGUAL_FACTOR = 2.5
"""How much longer the multilingual embedder takes for a row than the English one: see docs/embedders.md."""
SEARCH_SPENDS = (
    "The search goes on for as long as you gave it, whatever that costs. It ends earlier only if the rest of the "
    "spending limit is needed for the test rows."
)
WORKER_START_S = 8.0
WORKER_BYTES = 150_000_000
RETRIEVAL_BYTES = 700_000_000


def estimate_run(
    plan: RunPlan,
    task: Task,
    facts: ModelFacts,
    *,
    cores: int,
    free_memory_bytes: int,
    trainable: Sequence[str],
    capabilities: Capabilities | None = None,
    training_bytes: TrainingBytes | None = None,
) -> Preflight:
    """Estimate time, memory and cost of a plan, and report what keeps it from starting."""
    rows = len(plan.test_ids)
    by_id = {example.id: example for example in task.examples}
    tokens_per_s = FLOPS_PER_CORE * cores / (2 * max(facts.parameters, 1)) if facts.parameters else 1e6
    most = max((variant.decoding.max_tokens for variant in plan.variants), default=0)
    tests, learned = ([by_id[row_id] for row_id in ids] for ids in (plan.test_ids, plan.train_ids))
    tokens = row_tokens(task, tests, learned, answer=1 if task.answer.labels else most)
    whole = capabilities is None or capabilities.choice_probabilities is Support.YES
    answer_s = {variant.id: _row_seconds(variant, tokens, facts, tokens_per_s) for variant in plan.variants}
    priors_s = sum(
        count_rows(plan, task, one, told=whole) * _row_seconds(one, tokens, facts, tokens_per_s, at_once=True)
        for one in plan.variants
    )
    trainings = {(variant.lora, variant.tuned): variant for variant in plan.variants if variant.lora is not None}
    if capabilities is not None and (
        lora_comes_with_the_server(facts, capabilities) or capabilities.lora_serving is Support.NO
    ):
        trainings = {}
    fetched = {
        key: retrieved(variant, tokens) if key[0].prompts is TrainingPrompts.SERVED else 0.0
        for key, variant in trainings.items()
    }
    training_s = plan.draws * sum(
        _training_seconds(spec, len(plan.train_ids), tokens.row + more, tokens.instructions, tokens_per_s)
        for (spec, _tuned), more in fetched.items()
    )
    trial_s = _trial_seconds(plan, facts, tokens, tokens_per_s)
    search_s, settings = _search(plan, trial_s)
    settings = _fitting(plan, task, trial_s, settings)
    deciding = {one.id: _deciding_rows(plan, task, one, settings, trial_s, told=whole) for one in plan.variants}
    retrieves = any(v.retrieval or v.facts.fits or _embeds_shots(v) for v in plan.variants)
    setup_s = priors_s + _embedding_seconds(plan) + WORKER_START_S * (1 + retrieves)
    # What a server holds is not counted: it may hold it already, or run elsewhere.
    answering = (0 if facts.server else facts.size_bytes + WORKER_BYTES) + (RETRIEVAL_BYTES if retrieves else 0)
    memory = answering
    if trainings and training_bytes is not None and facts.architecture in trainable:
        most_fetched = {spec: n for (spec, _), n in fetched.items()}
        memory = max(answering, training_memory(facts, learned, most_fetched, tokens.instructions, training_bytes))
    problems = _problems(plan, facts, trainable, memory, free_memory_bytes, next((spec for spec, _ in trainings), None))
    notes = [*filter(None, [facts.terms, plan_note(plan, task)])]
    if plan.sources and plan.effort is not None and plan.effort.seconds is not None and not plan.effort.settled:
        notes.append(SEARCH_SPENDS)
    notes += [*handicap_sentences(plan.handicaps), *remedies(plan.handicaps)]
    if capabilities is not None:
        found = backend_limits(plan, task, facts, capabilities)
        problems += found[0]
        notes += found[1]
    cost_usd = 0.0
    if plan.prices is not None:
        row_usd = {variant.id: _row_usd(plan.prices, variant, tokens) for variant in plan.variants}
        answered = rows_at_most(plan, task, row_usd)
        cost_usd += sum(
            (answered[variant.id] + (plan.draws if variant.drawn else 1))  # each is warmed up with one row
            * row_usd[variant.id]
            for variant in plan.variants
        )
        cost_usd += _deciding_usd(plan, task, deciding, tokens)
    if plan.remote_embedders:
        token_usd = {
            variant.id: one.prices.input_usd
            for variant in plan.variants
            if (one := plan.remote_embedder(variant)) is not None and one.prices is not None
        }
        answered = rows_at_most(plan, task, token_usd)
        rows_of = {
            variant.id: answered[variant.id] + (plan.draws if variant.drawn else 1) + deciding[variant.id]
            for variant in plan.variants
        }
        cost_usd += embedding_estimate_usd(plan, task, row_tokens=tokens.row, rows_of=rows_of)
    problems += _unconfirmed(plan, cost_usd)
    return Preflight(
        estimated_cost_usd=cost_usd,
        predictions=rows * len(plan.variants),
        estimated_s=rows * sum(answer_s.values()) + training_s + search_s + setup_s,
        settings=settings,
        parts=RunEstimate(search_s=search_s, setup_s=setup_s, training_s=training_s, answer_s=answer_s),
        estimated_memory_bytes=int(memory),
        free_memory_bytes=free_memory_bytes,
        problems=tuple(problems),
        notes=tuple(notes),
    )


def _trial_seconds(
    plan: RunPlan,
    facts: ModelFacts,
    tokens: RowTokens,
    tokens_per_s: float,
) -> dict[str, float]:
    """Return what one setting of each technique takes on the rows of the search, by the id of its default."""
    rows = len(plan.effort.pool_ids) if plan.effort else 0
    found = {}
    for variant in plan.variants:
        if not variant.tuned or (variant.lora is not None and facts.server):
            continue
        row_s = _row_seconds(variant, tokens, facts, tokens_per_s, at_once=True)
        shown_s = variant.shots_k * tokens.example / tokens_per_s
        found[variant.default_id] = rows * row_s + FOLDS * shown_s
        if variant.lora is not None:
            beside = len(plan.effort.weights_ids) if plan.effort else 0
            trained = len(plan.train_ids) if beside else min(len(plan.train_ids), rows - rows // FOLDS)
            training_s = _training_seconds(variant.lora, trained, tokens.row, tokens.instructions, tokens_per_s)
            # In so many seconds every second setting answers with the default's weights, where it can.
            kept = beside and plan.effort and plan.effort.seconds and variant.retrieval is not None
            kept = kept and variant.lora.prompts is TrainingPrompts.PLAIN
            found[variant.default_id] = (beside or rows / FOLDS) * row_s + training_s / (2 if kept else 1)
    return found


def _search(plan: RunPlan, trial_s: Mapping[str, float]) -> tuple[float, dict[str, int]]:
    """Return the seconds of the whole search, and about how many settings of each technique it tries."""
    effort = plan.effort
    if effort is None or effort.settled:
        return 0.0, {}
    searched = {one.default_id: one for one in plan.variants if one.tuned}
    # The default's weights are trained for the run, and their seconds are none of the search.
    apart = {name: int(bool(effort.weights_ids) and searched[name].facts.trains) for name in trial_s}
    if effort.seconds is not None:
        settings = {
            name: max(1, apart[name] + int(effort.seconds / max(one_s, 1e-3))) for name, one_s in trial_s.items()
        }
        return effort.seconds * len(trial_s), settings
    settings = {name: effort.trials.get(name, 1) for name in trial_s}
    seconds = sum(
        (settings[name] - apart[name]) * one_s * _share_answered(effort, searched[name])
        for name, one_s in trial_s.items()
    )
    return seconds, settings


def _share_answered(effort: Effort, variant: Variant) -> float:
    """Return the share of a whole trial that is asked for; a training is whole with one fold."""
    return 1.0 if variant.facts.trains else effort.folds.get(variant.default_id, FOLDS) / FOLDS


def _fitting(plan: RunPlan, task: Task, trial_s: Mapping[str, float], whole: Mapping[str, int]) -> dict[str, int]:
    """Return about how many settings are tried: as many as there are at most.

    Where few fit, each answers fewer folds, unless it is trained.
    """
    if plan.effort is None or plan.effort.seconds is None:
        return dict(whole)
    found = {}
    for variant in plan.variants:
        name = variant.default_id
        if not variant.tuned or name not in whole:
            continue
        parts = 0 if variant.facts.trains else int(plan.effort.seconds * FOLDS / max(trial_s[name], 1e-3))
        there_are = math.prod(1 + len(knob.options) for knob in space_of(variant, task))
        found[name] = min(max(whole[name], min(LEAST_TRIALS, parts)), there_are)
    return found


def _deciding_usd(
    plan: RunPlan,
    task: Task,
    deciding: Mapping[str, int],
    tokens: RowTokens,
) -> float:
    """Return what searching, measuring priors and comparing examples cost, given the rows of each variant for it.

    A setting's prompts are taken as halfway between the default's and the longest.
    """
    if plan.prices is None:
        return 0.0
    total = 0.0
    for variant in plan.variants:
        space = space_of(variant, task) if variant.tuned else ()
        both = (variant, turned(variant, space, longest_setting(space)))
        each = [_row_usd(plan.prices, one, tokens) for one in both]
        total += deciding[variant.id] * sum(each) / len(each)
    return total


def _deciding_rows(
    plan: RunPlan,
    task: Task,
    variant: Variant,
    settings: Mapping[str, int],
    trial_s: Mapping[str, float],
    *,
    told: bool,
) -> int:
    """Return how many rows a variant answers beside those of the run: to decide, and in the search."""
    name, effort = variant.default_id, plan.effort
    beside = count_rows(plan, task, variant, told=told)
    if not variant.tuned or effort is None or name not in settings:
        return beside
    pool = len(effort.pool_ids)
    searched = settings[name] * pool * _share_answered(effort, variant)
    if effort.seconds is not None:
        # Where few settings fit, each answers fewer folds.
        searched = min(searched, max(effort.seconds / max(trial_s[name], 1e-3), 1 / FOLDS) * pool)
    return beside + math.ceil(searched)


def _row_seconds(
    variant: Variant, tokens: RowTokens, facts: ModelFacts, tokens_per_s: float, *, at_once: bool = False
) -> float:
    """Return the seconds of a row; `at_once` where several are asked for together, which a server answers together."""
    if not variant.generates:
        return 0.02
    if facts.server and not facts.parameters:
        return SERVER_ROW_S / (SERVER_ROWS_AT_ONCE if at_once else 1)
    return work(variant, tokens) / tokens_per_s


def _row_usd(prices: TokenPrices, variant: Variant, tokens: RowTokens) -> float:
    """Cost of one row's tokens, as if nothing were cached between calls."""
    if not variant.generates:
        return 0.0
    shown = variant.shots_k * tokens.example + retrieved(variant, tokens)
    return prices.cost_usd(tokens.instructions + tokens.row + shown, 0.0, max(tokens.answer, LABEL_TOKENS))


def _unconfirmed(plan: RunPlan, cost_usd: float) -> list[str]:
    if plan.spending_limit_usd is not None or not plan.sources:
        return []
    cost = f"This run costs about {say.money(cost_usd)} at {sources_of(plan)}."
    return [f"{cost} Confirm it with a spending limit, at which the run stops."]


def _training_seconds(spec: LoraSpec, rows: int, row_tokens: float, instructions: float, tokens_per_s: float) -> float:
    batches = -(-rows // spec.batch_size)
    tokens = spec.epochs * (rows * row_tokens + batches * instructions)
    return WORKER_START_S + TRAINING_PASSES * tokens / tokens_per_s


def _embedding_seconds(plan: RunPlan) -> float:
    """Return seconds for embedding the training rows, once with each embedder: index, classifier and examples share."""
    embedders = {
        v.embedder
        for v in plan.variants
        if v.facts.fits or _embeds_shots(v) or (v.retrieval is not None and v.retrieval.examples_k)
    }
    slower = sum(MULTILINGUAL_FACTOR if embedder_name(one) == MULTILINGUAL_EMBEDDER else 1.0 for one in embedders)
    return slower * len(plan.train_ids) * EMBED_ROW_S


def _embeds_shots(variant: Variant) -> bool:
    return bool(variant.shots_k) and variant.shot_choice is not ShotChoice.DRAWN


def _problems(
    plan: RunPlan,
    facts: ModelFacts,
    trainable: Sequence[str],
    memory: float,
    free: int,
    lora: LoraSpec | None,
) -> list[str]:
    problems = []
    if lora is not None and facts.architecture not in trainable:
        problems.append(
            f"LoRA cannot be trained on architecture '{facts.architecture}' "
            f"(supported: {', '.join(sorted(trainable))}). Leave LoRA out, or choose another model."
        )
    if not plan.train_ids and any(v.facts.learns for v in plan.variants):
        problems.append(
            "There are no training rows. Choose only zero-shot, or at least one training row for each label."
        )
    if memory > free:
        problems.append(
            f"About {say.size(memory)} of memory is needed, {say.size(free)} is free. "
            "Close other programs or choose a smaller model."
        )
    return problems
