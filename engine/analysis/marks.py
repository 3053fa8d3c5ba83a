"""Which mark a figure of a variant has: the only place where that is decided. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.analysis.figures import VariantFigures
from engine.core.capabilities import Capabilities, Support
from engine.core.generation import SCRIPTED, ModelFacts
from engine.core.run.manifest import Conditions
from engine.core.run.plan import RunPlan
from engine.core.task import MADE_FROM
from engine.core.variant import Variant
from engine.metrics.marks import Mark


class FigureName(StrEnum):
    """A figure by its name in `summary.json` and in the exported files."""

    QUALITY = "quality"
    CONFIDENCE = "probabilities"
    SCORES = "scores"
    RETRIEVAL_QUALITY = "retrieval"
    TTFT = "ttft_s"
    TOTAL = "total_s"
    RETRIEVAL = "retrieval_s"
    PREFILL = "prefill_s"
    DECODE = "decode_s"
    TOKENS = "tokens"
    TOKEN_SPEED = "tokens_per_s"  # noqa: S105 - tokens of text
    ROW_SPEED = "examples_per_s"
    PREPARE = "prepare_s"
    MEMORY = "peak_rss_bytes"
    COST = "cost_usd_per_1k"
    ENERGY = "energy_wh_per_1k"
    CLOSED_COST = "closed_api_cost_usd_per_1k"
    TOTAL_COST = "total_usd"
    BREAK_EVEN = "break_even_calls_per_month"
    CAPACITY = "most_calls_per_month"


EXPLAINED: Mapping[FigureName, str] = {
    FigureName.TOTAL: "95 of 100 answers were complete within this time (p95).",
    FigureName.COST: "Cost of 1,000 answers: this machine's time and electricity, or a closed API's price.",
    FigureName.ENERGY: "Counted by the machine, or computed from CPU time; not known where a GPU or a server answers.",
}
"""What a figure is, in a sentence, wherever it is shown."""
COMPUTED = frozenset({FigureName.CLOSED_COST, FigureName.TOTAL_COST, FigureName.BREAK_EVEN, FigureName.CAPACITY})
"""Estimates for every variant: nothing measures them."""
_TOLD_BY_SERVER = frozenset({FigureName.TOKENS, FigureName.TOKEN_SPEED, FigureName.COST, FigureName.CONFIDENCE})
"""What a server tells. A cost is among it where tokens are paid for: the server's counts at the list price."""
_COST, _ENERGY = FigureName.COST, FigureName.ENERGY
_OF_TOKENS = frozenset({FigureName.TOKENS, FigureName.TOKEN_SPEED})
_TIMED_BY_SERVER = frozenset({FigureName.PREFILL, FigureName.DECODE})
PREDICTION_COLUMNS: Mapping[str, FigureName] = {
    "score": FigureName.QUALITY,
    "probabilities": FigureName.CONFIDENCE,
    "prompt_tokens": FigureName.TOKENS,
    "cached_prompt_tokens": FigureName.TOKENS,
    "completion_tokens": FigureName.TOKENS,
    "retrieval_s": FigureName.RETRIEVAL,
    "ttft_s": FigureName.TTFT,
    "total_s": FigureName.TOTAL,
    "prefill_s": FigureName.PREFILL,
    "decode_s": FigureName.DECODE,
    "energy_wh": FigureName.ENERGY,
    "memory_bytes": FigureName.MEMORY,
}
"""Columns of exported predictions that hold figures. Energy is there only where it was measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where the figures of a run come from. The default is this machine and the task's own rows."""

    server: bool = False
    """A server answered, and told the tokens."""
    server_timings: bool = False
    """It also told the seconds of reading the prompt and of writing the answer."""
    probabilities_cut: bool = False
    """It listed its likeliest tokens only, so that a label among the others has no probability of its own."""
    paid_by_token: bool = False
    simulated: bool = False
    """The test rows were made from the task's own (rows with typos, prompts with passages put in), or the
    scripted model answered, which is none."""
    imported: bool = False


HERE = Origin()

CUT_PROBABILITIES = (
    "The server lists its likeliest tokens only: a label that is not among them has no probability of its own, and the "
    "share of the chosen one can be too high."
)
"""Said wherever the probabilities of such a run are used."""


def origin_of(plan: RunPlan, conditions: Conditions) -> Origin:
    """Tell where the figures of a run come from."""
    return Origin(
        server=conditions.server or plan.prices is not None,
        server_timings=conditions.server_timings,
        probabilities_cut=conditions.probabilities_cut,
        paid_by_token=plan.prices is not None,
        simulated=MADE_FROM in plan.task_id or conditions.backend == SCRIPTED,
        imported=conditions.imported,
    )


def imported_sentence(*, imported: bool, rescored: bool) -> str:
    """Say of a run from another machine what was measured there and what was computed here; empty for one of this."""
    if not imported:
        return ""
    scores = "scores were computed again here" if rescored else "scores are those it came with"
    return f"Imported: measured on another machine. Times, memory and energy are that machine's; {scores}."


def origin_at(facts: ModelFacts, capabilities: Capabilities) -> Origin:
    """Tell where the figures of answers come from that a model gives outside of a run."""
    timings = capabilities.own_timings is Support.YES
    return Origin(
        server=bool(facts.server),
        server_timings=bool(facts.server) and timings,
        probabilities_cut=bool(facts.server) and capabilities.choice_probabilities is not Support.YES,
        simulated=facts.backend == SCRIPTED,
    )


def mark_of(
    figure: FigureName,
    variant: Variant | None = None,
    origin: Origin = HERE,
    *,
    energy_measured: bool = False,
    tokens_told: bool = True,
) -> Mark:
    """Tell what a figure of a variant is.

    Args:
        figure: by its name.
        variant: whose figure it is; None for one that is not a variant's own, such as a break-even point.
        origin: of the run.
        energy_measured: whether the machine counted the energy.
        tokens_told: whether the tokens of all rows are those that a server told, where one did.
    """
    generates = variant is not None and variant.generates
    priced = generates and origin.paid_by_token and tokens_told
    if not tokens_told and figure in _OF_TOKENS:
        return Mark.ESTIMATED
    if figure in COMPUTED or (figure is _COST and not priced) or (figure is _ENERGY and not energy_measured):
        return Mark.ESTIMATED
    if figure is FigureName.MEMORY:
        told = generates and origin.server and variant is not None and not variant.embeds
        return Mark.SERVER if told else Mark.SHARED
    if generates and _server_tells(figure, origin):
        return Mark.SERVER
    if origin.simulated:
        return Mark.SIMULATED
    return Mark.IMPORTED if origin.imported else Mark.MEASURED


def _server_tells(figure: FigureName, origin: Origin) -> bool:
    if figure in _TIMED_BY_SERVER:
        return origin.server_timings
    return origin.server and figure in _TOLD_BY_SERVER


def mark_of_item(figure: FigureName, item: VariantFigures, origin: Origin) -> Mark:
    """Tell what a figure of a variant in figures is."""
    told = not item.rows_tokens_estimated
    return mark_of(figure, item.variant, origin, energy_measured=item.energy_measured, tokens_told=told)


def column_marks(figure: FigureName, items: Iterable[VariantFigures], origin: Origin) -> tuple[Mark, ...]:
    """Return the marks of one figure of several variants, in their order."""
    return marks_over_runs(figure, ((item, origin) for item in items))


def marks_over_runs(figure: FigureName, found: Iterable[tuple[VariantFigures, Origin]]) -> tuple[Mark, ...]:
    """Return the marks of one figure of variants in several runs, in their order; each comes with its run's origin."""
    return tuple(mark_of_item(figure, item, origin) for item, origin in found)


def marks_by_name(item: VariantFigures, origin: Origin) -> dict[str, str]:
    """Return the marks of all figures of a variant, by name, fit for JSON."""
    return {str(name): str(mark_of_item(name, item, origin)) for name in FigureName}


def marks_in_summary(variants: Iterable[Mapping[str, Any]], figure: FigureName | None) -> list[Mark]:
    """Return the marks of a figure of those variants of a `summary.json` that have it; none for no figure."""
    return [Mark(variant["marks"][figure]) for variant in variants if figure in variant["marks"]]


def price_marks(items: Sequence[VariantFigures], origin: Origin, *, closed: int) -> tuple[Mark, ...]:
    """Return the marks of prices per call: of these variants, then of the same tokens at so many closed APIs."""
    return (*column_marks(FigureName.COST, items, origin), *(mark_of(FigureName.CLOSED_COST),) * closed)


def prediction_marks(variant: Variant, origin: Origin) -> dict[str, Mark]:
    """Return the marks of the figures in a variant's exported predictions, by column."""
    return {
        column: mark_of(figure, variant, origin, energy_measured=True) for column, figure in PREDICTION_COLUMNS.items()
    }
