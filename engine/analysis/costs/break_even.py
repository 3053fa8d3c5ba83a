"""What choosing a variant costs over its whole use: paid once, and paid per call; and where two choices break even.

All figures are estimates from the assumptions in `Limits` and `CostAssumptions`; only seconds and tokens are measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

from engine.core.limits import Limits
from engine.core.run.manifest import Preparation
from engine.core.run.plan import RunPlan
from engine.core.variant import ShotChoice, Variant
from engine.metrics import wording as say
from engine.metrics.budget import embedding_usd
from engine.metrics.costing import CLOSED_MODELS, SECONDS_PER_HOUR, closed_api_cost_usd, preparing_cost_usd

HOURS_PER_MONTH = 730.0


@dataclass(frozen=True, kw_only=True, slots=True)
class CostLine:
    """One choice: a straight line over the number of calls."""

    name: str
    variant_id: str
    """The variant whose tokens or seconds were measured."""
    labelling_usd: float
    preparing_usd: float
    per_call_usd: float
    leaves_machine: bool
    most_calls_per_month: float | None
    """What this machine can answer in a month without a pause, one call after the other; None for a closed API."""
    source: str
    """Where the price per call comes from."""

    @property
    def is_known(self) -> bool:
        """Tell whether a call has a price."""
        return not math.isnan(self.per_call_usd)

    @property
    def one_off_usd(self) -> float:
        """What is paid once."""
        return self.labelling_usd + self.preparing_usd

    def total_usd(self, calls_per_month: float, months: int) -> float:
        """Total over this many months."""
        return self.one_off_usd + self.per_call_usd * calls_per_month * months


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakEven:
    """The monthly volume from which `dearer_at_first` is the cheaper choice."""

    dearer_at_first: str
    cheaper_at_first: str
    calls_per_month: float
    total_usd: float

    @property
    def at_any_volume(self) -> bool:
        """Tell whether a single call a month is enough."""
        return self.calls_per_month < 1

    @property
    def calls_in_words(self) -> str:
        """Write the volume, rounded as an estimate is: `73,000 calls`."""
        return say.counted(say.roughly(self.calls_per_month), "call")


def labelled_rows(variant: Variant, train_rows: int, *, weights_served: bool = False) -> int:
    """Say how many labelled rows a variant learns from: none for a bare prompt or for passages of documents.

    Args:
        variant: of a plan.
        train_rows: of its run.
        weights_served: whether its LoRA weights came with the server, which learn from none of them.
    """
    if not variant.generates or (variant.lora is not None and not weights_served):
        return train_rows
    if variant.retrieval is not None and variant.retrieval.examples_k:
        return train_rows
    if variant.shots_k and variant.shot_choice is not ShotChoice.DRAWN:
        return train_rows
    return min(variant.shots_k, train_rows)


def own_line(
    variant: Variant,
    plan: RunPlan,
    *,
    name: str,
    prepared: Preparation | None,
    cost_usd_per_call: float,
    busy_s_per_call: float,
    away: bool = False,
) -> CostLine:
    """Return the cost of a variant as measured in the run, without labels; preparation counts once, at full power.

    Where tokens are paid for, or another machine answers or embeds, inputs leave this one and nothing here limits the
    calls.

    Args:
        variant: of the plan.
        plan: its cost assumptions and prices are used.
        name: as shown.
        prepared: what preparing it took; None where nothing was prepared.
        cost_usd_per_call: mean over its rows.
        busy_s_per_call: mean over its rows.
        away: whether another machine runs the model.
    """
    remote = plan.remote_embedder(variant)
    embedding = remote.prices if remote is not None else None
    paid = plan.token_prices(variant)
    leaves = paid is not None or (away and variant.generates) or remote is not None
    once = prepared or Preparation(prepare_s=0.0)
    once_usd = preparing_cost_usd(max(once.prepare_s - once.waited_s, 0.0), plan.costs)
    if embedding is not None:
        once_usd += embedding_usd(embedding, once.embedding_tokens)
    most = HOURS_PER_MONTH * SECONDS_PER_HOUR / busy_s_per_call if busy_s_per_call > 0 and not leaves else None
    sources = [prices.source for prices in (paid, embedding) if prices is not None]
    here = "this machine's time and electricity"
    source = f"the tokens' list price of {say.listed(sources)}" if sources else "not known" if leaves else here
    if sources and paid is None and variant.generates:
        source = f"{here}, and {source}"
    return CostLine(
        name=name,
        variant_id=variant.id,
        labelling_usd=0.0,
        preparing_usd=once_usd,
        per_call_usd=cost_usd_per_call,
        leaves_machine=leaves,
        most_calls_per_month=most,
        source=source,
    )


def with_limits(line: CostLine, labelled: int, limits: Limits) -> CostLine:
    """Return the same cost with the price that the user assumes for each of so many labels."""
    return replace(line, labelling_usd=labelled * limits.labelling_usd_per_row)


def closed_lines(
    variant: Variant,
    *,
    prompt_tokens: float,
    completion_tokens: float,
    labelled: int,
    limits: Limits,
    extra_tokens: float = 0.0,
) -> list[CostLine]:
    """Price a variant's measured tokens at closed APIs, with `extra_tokens` more in each prompt.

    Nothing is taken from a cache, and tokenizers differ: estimates. What a closed model would get right is unknown.
    """
    prices = closed_api_cost_usd(prompt_tokens + extra_tokens, completion_tokens)
    providers = {model: provider for provider, model in CLOSED_MODELS}
    return [
        CostLine(
            name=model,
            variant_id=variant.id,
            labelling_usd=labelled * limits.labelling_usd_per_row,
            preparing_usd=0.0,
            per_call_usd=price,
            leaves_machine=True,
            most_calls_per_month=None,
            source=f"list price of {providers.get(model, 'its provider')}, {price_table()}",
        )
        for model, price in prices.items()
    ]


def price_table() -> str:
    """Name the price table with its version, which dates it."""
    return f"genai-prices {version('genai-prices')}"


def choosable(own: Sequence[CostLine], closed: Sequence[CostLine], limits: Limits) -> list[CostLine]:
    """Return what can be the cheapest choice: other closed APIs only where data may leave this machine.

    The run's own variants are choices wherever they were answered: their inputs were sent there with consent.
    """
    return [*own, *(closed if limits.data_may_leave else ())]


def break_even(first: CostLine, second: CostLine, months: int) -> BreakEven | None:
    """Return the monthly volume at which two choices cost the same; None where one is cheaper at every volume."""
    dearer, cheaper = (first, second) if first.one_off_usd > second.one_off_usd else (second, first)
    saved = cheaper.per_call_usd - dearer.per_call_usd
    gap = dearer.one_off_usd - cheaper.one_off_usd
    if saved <= 0 or gap <= 0:
        return None
    calls = gap / (saved * months)
    if not math.isfinite(calls):  # a saving too small to represent as a number counts as none
        return None
    return BreakEven(
        dearer_at_first=dearer.name,
        cheaper_at_first=cheaper.name,
        calls_per_month=calls,
        total_usd=dearer.total_usd(calls, months),
    )


def break_evens(lines: Sequence[CostLine], months: int) -> list[BreakEven]:
    """Return the break-even points that matter: those at which the cheapest choice of all changes, lowest first."""
    found = []
    for place, first in enumerate(lines):
        for second in lines[place + 1 :]:
            point = break_even(first, second, months)
            if point is None:
                continue
            least = min(line.total_usd(point.calls_per_month, months) for line in lines)
            if math.isclose(least, point.total_usd, rel_tol=1e-6, abs_tol=1e-9):
                found.append(point)
    return sorted(found, key=lambda point: point.calls_per_month)


def rows_worth_labelling(first: CostLine, second: CostLine, limits: Limits) -> int | None:
    """Say how many labelled rows the saving per call would pay for; None where nothing is saved or labels are free."""
    saved = abs(first.per_call_usd - second.per_call_usd) * limits.calls
    if limits.labelling_usd_per_row <= 0 or saved <= 0:
        return None
    return math.floor(saved / limits.labelling_usd_per_row)
