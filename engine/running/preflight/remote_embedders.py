"""Embedders on other machines: agreed to before a text is sent, and what they cost. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.core.embedder import EmbedderFacts, RemoteEmbedder
from engine.core.errors import UsageError
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.core.text.token_estimate import estimated_text_tokens
from engine.core.variant import SearchMode, Variant
from engine.metrics import wording as say
from engine.metrics.budget import embedding_usd
from engine.metrics.costing import token_prices


def remote_embedders(known: Iterable[EmbedderFacts]) -> tuple[RemoteEmbedder, ...]:
    """Return those that are on other machines, with today's prices."""
    return tuple(
        RemoteEmbedder(id=facts.id, host=facts.sends_to, prices=token_prices(facts.price_ref))
        for facts in known
        if facts.sends_to
    )


def used_by(variants: Sequence[Variant], found: Sequence[RemoteEmbedder]) -> tuple[RemoteEmbedder, ...]:
    """Return those that read texts of these variants."""
    ids = {variant.embedder for variant in variants if variant.sends_texts}
    return tuple(one for one in found if one.id in ids)


def embedding_not_agreed(found: Iterable[RemoteEmbedder], agreed: Iterable[str]) -> UsageError | None:
    """Return why nothing may be embedded: texts would be sent to a host that the user has not agreed to."""
    hosts = set(agreed)
    missing = next((one for one in found if one.host not in hosts), None)
    if missing is None:
        return None
    return UsageError(
        f"The embedder '{missing.name}' is not on this machine: texts would be sent to {missing.host}.",
        "Agree to that for this run, or choose another embedder.",
    )


def embedding_notes(plan: RunPlan) -> tuple[str, ...]:
    """Say where texts are sent, and whether a price is known."""
    notes = []
    for one in plan.remote_embedders:
        what = what_is_sent(plan, [one])
        notes.append(f"The task's {what} leave this machine: the embedder {one.name} reads them at {one.host}.")
        if one.prices is None:
            notes.append(
                f"What {one.name} costs, if anything, is not known here: no cost is shown, and no limit stops it."
            )
    return tuple(notes)


def embedding_estimate_usd(plan: RunPlan, task: Task, *, row_tokens: float, rows_of: Mapping[str, int]) -> float:
    """Return about what embedding costs: training rows and documents once, and each row that is answered.

    Args:
        plan: of the run.
        task: whose rows and documents are sent.
        row_tokens: of a row, on average.
        rows_of: how many rows each variant answers, those of a search and of priors with them.
    """
    total = 0.0
    for one in plan.remote_embedders:
        if one.prices is None:
            continue
        own = [variant for variant in plan.variants if plan.remote_embedder(variant) is one]
        tokens = sum(rows_of.get(variant.id, 0) * _times_read(variant) for variant in own) * row_tokens
        if own:  # an index has all training rows, whichever of its items are asked for
            tokens += len(plan.train_ids) * row_tokens
        if _reads_documents(plan, one):
            tokens += sum(estimated_text_tokens(document.text) for document in task.documents)
        total += embedding_usd(one.prices, tokens)
    return total


def what_is_sent(plan: RunPlan, found: Iterable[RemoteEmbedder]) -> str:
    """Name what embedders are sent of a run's task."""
    return "rows and documents" if any(_reads_documents(plan, one) for one in found) else "rows"


def sources_of(plan: RunPlan) -> str:
    """Name where the tokens of a run are paid for."""
    return say.listed(plan.sources)


def _times_read(variant: Variant) -> int:
    """Return how often a row is sent to answer it: each search embeds it."""
    spec = variant.retrieval
    if spec is None:
        return int(variant.facts.fits)
    return 0 if spec.mode is SearchMode.FULL_TEXT else bool(spec.examples_k) + bool(spec.passages_k)


def _reads_documents(plan: RunPlan, one: RemoteEmbedder) -> bool:
    own = [variant for variant in plan.variants if plan.remote_embedder(variant) is one]
    return any(variant.reads_passages for variant in own)
