"""What a plan will take, before it starts: rough figures from sizes, shown as estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from engine.core.capabilities import Capabilities, Support
from engine.core.embedder import MULTILINGUAL_EMBEDDER, embedder_name
from engine.core.generation import ModelFacts
from engine.core.prices import TokenPrices
from engine.core.run.infos import Preflight, RunEstimate
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.core.variant import LoraSpec, ShotChoice, TrainingPrompts, Variant
from engine.metrics import wording as say
from engine.running.preflight.backend_checks import backend_limits, lora_comes_with_the_server
from engine.running.preflight.embedders import handicap_sentences, remedies
from engine.running.preflight.pace import Pace, Shown, pace_of, plan_tokens
from engine.running.preflight.remote_embedders import embedding_estimate_usd, sources_of
from engine.running.preflight.saved_rows import plan_note, rows_at_most
from engine.running.preflight.search_time import search_time, trial_times
from engine.running.preflight.training_memory import TrainingBytes, training_memory
from engine.running.preparation.priors import count_rows
from engine.running.row_tokens import RowTokens, retrieved
from engine.running.search.spaces import longest_setting, space_of, turned

LABEL_TOKENS = 12
"""A label in its JSON object."""
TRAINING_PASSES = 1.1
"""A token forward and backward, in units of a token read while answering: 410 tokens/s on two such cores with bf16."""
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
    shown: Shown | None = None,
    capabilities: Capabilities | None = None,
    training_bytes: TrainingBytes | None = None,
) -> Preflight:
    """Estimate time, memory and cost of a plan, and report what keeps it from starting.

    `shown` is what the model has shown on this machine, as `shown_pace` returns it.
    """
    rows, tokens, pace = len(plan.test_ids), plan_tokens(plan, task), pace_of(facts, cores, shown)
    whole = capabilities is None or capabilities.choice_probabilities is Support.YES
    answer_s = {variant.id: pace.seconds(variant, tokens) for variant in plan.variants}
    priors_s = sum(
        count_rows(plan, task, one, told=whole) * pace.seconds(one, tokens, at_once=True) for one in plan.variants
    )
    trainings = {(variant.lora, variant.tuned): variant for variant in plan.variants if variant.lora is not None}
    if capabilities is not None and (
        lora_comes_with_the_server(facts, capabilities) or capabilities.lora_serving is Support.NO
    ):
        trainings = {}
    training = partial(_training_seconds, tokens=tokens, pace=pace)
    search = search_time(plan, task, trial_times(plan, facts, tokens, pace, training))
    trained_s = plan.draws * sum(training(variant, len(plan.train_ids)) for variant in trainings.values())
    training_s = max(trained_s - search.weights_s, 0.0)
    deciding = {
        one.id: count_rows(plan, task, one, told=whole) + (search.rows.get(one.default_id, 0) if one.tuned else 0)
        for one in plan.variants
    }
    retrieves = any(v.retrieval or v.facts.fits or _embeds_shots(v) for v in plan.variants)
    setup_s = priors_s + _embedding_seconds(plan) + WORKER_START_S * (1 + retrieves)
    # What a server holds is not counted: it may hold it already, or run elsewhere.
    answering = (0 if facts.server else facts.size_bytes + WORKER_BYTES) + (RETRIEVAL_BYTES if retrieves else 0)
    memory = answering
    if trainings and training_bytes is not None and facts.architecture in trainable:
        most_fetched = {spec: _fetched(variant, tokens) for (spec, _), variant in trainings.items()}
        learned = task.rows(plan.train_ids)
        memory = max(answering, training_memory(facts, learned, most_fetched, tokens.instructions, training_bytes))
    problems = _problems(plan, facts, trainable, memory, free_memory_bytes, next((spec for spec, _ in trainings), None))
    problems += _one_label(plan, task)
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
        estimated_s=rows * sum(answer_s.values()) + training_s + search.weights_s + search.seconds + setup_s,
        settings=search.settings,
        parts=RunEstimate(
            search_s=search.seconds,
            weights_s=search.weights_s,
            setup_s=setup_s,
            training_s=training_s,
            answer_s=answer_s,
        ),
        estimated_memory_bytes=int(memory),
        free_memory_bytes=free_memory_bytes,
        problems=tuple(problems),
        notes=tuple(notes),
    )


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


def _training_seconds(variant: Variant, rows: int, *, tokens: RowTokens, pace: Pace) -> float:
    """Return the seconds of training a variant's weights on so many rows; 0 for one without."""
    spec = variant.lora
    if spec is None:
        return 0.0
    batches = -(-rows // spec.batch_size)
    read = spec.epochs * (rows * (tokens.row + _fetched(variant, tokens)) + batches * tokens.instructions)
    return WORKER_START_S + TRAINING_PASSES * read / pace.reading_tokens_per_s


def _fetched(variant: Variant, tokens: RowTokens) -> float:
    """Return the tokens of what is retrieved for a row that weights are trained on."""
    served = variant.lora is not None and variant.lora.prompts is TrainingPrompts.SERVED
    return retrieved(variant, tokens) if served else 0.0


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


def _one_label(plan: RunPlan, task: Task) -> list[str]:
    """Say before the run that a classifier has nothing to tell apart."""
    fits = any(variant.facts.fits and not variant.classifier.label_rows for variant in plan.variants)
    labels = {row.target for row in task.rows(plan.train_ids)} if fits else set()
    if len(labels) != 1:
        return []
    rows, label = say.counted(len(plan.train_ids), "training row"), labels.pop()
    one = f"The classifier has one label to learn, '{label}' ({rows})."
    return [f"{one} Leave it out, or have training rows of at least two labels."]


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
