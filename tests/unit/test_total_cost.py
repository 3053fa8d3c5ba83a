"""Totals against volume, break-even, labels, images at closed APIs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.memo.wording import from_volume
from components.report.cost_tables import break_even_frame
from engine.analysis.costs.break_even import (
    BreakEven,
    CostLine,
    break_even,
    break_evens,
    choosable,
    closed_lines,
    labelled_rows,
    own_line,
    rows_worth_labelling,
    with_limits,
)
from engine.core.limits import Limits
from engine.core.prices import CostAssumptions, TokenPrices
from engine.core.run.manifest import Preparation
from engine.core.run.plan import RunPlan
from engine.core.techniques import Technique
from engine.core.variant import LoraSpec, RetrievalSpec, Variant
from engine.metrics.costing import CLOSED_MODELS
from engine.metrics.image_tokens import RULES, image_tokens


def line(name: str, once: float, per_call: float) -> CostLine:
    """Build a choice."""
    return CostLine(
        name=name,
        variant_id=name,
        labelling_usd=once,
        preparing_usd=0.0,
        per_call_usd=per_call,
        leaves_machine=False,
        most_calls_per_month=None,
        source="test",
    )


money = st.floats(0, 1000, allow_nan=False)


@given(money, money, money, money, st.integers(1, 60))
def test_at_the_break_even_both_cost_the_same(a: float, b: float, c: float, d: float, months: int) -> None:
    """At the volume named both totals agree, under it the one without the one-off cost is cheaper."""
    first, second = line("first", a, b), line("second", c, d)
    found = break_even(first, second, months)
    if found is None:
        return
    calls = found.calls_per_month
    assert first.total_usd(calls, months) == pytest.approx(second.total_usd(calls, months), rel=1e-6, abs=1e-6)
    assert break_even(second, first, months) == found


def test_closed_apis_are_a_choice_only_where_data_may_leave() -> None:
    """A cheap API is the cheapest from some volume on if data may leave; if not, it is no choice at all."""
    own, closed = [line("own", 1, 0.5), line("tuned", 50, 0.2)], [line("api", 10, 0.01)]
    allowed = break_evens(choosable(own, closed, Limits(data_may_leave=True)), 1)
    assert [point.dearer_at_first for point in allowed] == ["api"]
    assert [point.dearer_at_first for point in break_evens(choosable(own, closed, Limits()), 1)] == ["tuned"]


def test_dearer_twice_never_pays() -> None:
    """What costs more at first and per call is dearer at every volume."""
    assert break_even(line("a", 10, 0.2), line("b", 1, 0.1), 12) is None


def test_only_changes_of_the_cheapest_are_marked() -> None:
    """Of three lines' crossings those above the cheapest do not matter."""
    found = break_evens([line("a", 0, 1.0), line("b", 10, 0.5), line("c", 100, 0.1), line("dear", 500, 0.9)], 1)
    assert [(item.cheaper_at_first, item.dearer_at_first) for item in found] == [("a", "b"), ("b", "c")]


def test_a_break_even_is_one_figure_everywhere() -> None:
    """Verdict, memo, chart and table round it alike, and one under a call a month is "any volume", not none."""
    first = BreakEven(dearer_at_first="b", cheaper_at_first="a", calls_per_month=73_035.4, total_usd=1.0)
    any_volume = replace(first, calls_per_month=0.3)
    assert (from_volume(first), from_volume(any_volume)) == ("From 73,000 calls a month (est.)", "At any volume (est.)")
    assert break_even_frame([first])["From, calls a month"].to_list() == ["73,000"]
    frame = break_even_frame([any_volume, first])
    assert frame["From, calls a month"].to_list() == ["any volume", "73,000"]
    assert break_even_frame([]).columns[0] == "From, calls a month"


def test_labels_are_counted_for_what_learns_from_them() -> None:
    """A bare prompt needs none, shots their number, retrieval of rows, LoRA and the classifier all."""
    retrieval = RetrievalSpec(examples_k=4)
    passages = RetrievalSpec(passages_k=3)
    wanted = {
        Variant(id="a", technique=Technique.ZERO_SHOT): 0,
        Variant(id="b", technique=Technique.FEW_SHOT, shots_k=5): 5,
        Variant(id="c", technique=Technique.RAG, retrieval=retrieval): 50,
        Variant(id="d", technique=Technique.RAG, retrieval=passages): 0,
        Variant(id="e", technique=Technique.LORA, lora=LoraSpec()): 50,
        Variant(id="f", technique=Technique.CLASSIFIER): 50,
    }
    assert {variant: labelled_rows(variant, 50) for variant in wanted} == wanted


def plan_of(variant: Variant, **changes: object) -> RunPlan:
    """Plan a run of one variant."""
    return RunPlan(run_id="r", task_id="t", model_id="m", variants=(variant,), test_ids=(), train_ids=(), **changes)  # type: ignore[arg-type]


def test_tokens_that_are_paid_for_leave_the_machine() -> None:
    """A variant at a closed API costs its tokens, names their source, and is bounded by no machine; the classifier is."""
    prices = TokenPrices(source="openai/gpt-5-nano", input_usd=1.0, cached_input_usd=0.1, output_usd=2.0)
    for variant, leaves in (
        (Variant(id="zero-shot", technique=Technique.ZERO_SHOT), True),
        (Variant(id="classifier", technique=Technique.CLASSIFIER), False),
    ):
        plan = plan_of(variant, prices=prices)
        found = own_line(variant, plan, name="x", prepared=None, cost_usd_per_call=0.5, busy_s_per_call=1.0)
        assert found.leaves_machine is leaves
        assert (found.most_calls_per_month is None) is leaves
        assert ("gpt-5-nano" in found.source) is leaves


def test_training_is_paid_once_at_full_power() -> None:
    """An hour of training costs an hour of the machine and its full power."""
    variant = Variant(id="lora", technique=Technique.LORA, lora=LoraSpec())
    costs = CostAssumptions(machine_usd_per_hour=0.1, watts=100.0, electricity_usd_per_kwh=0.5)
    plan = plan_of(variant, costs=costs)
    hour = Preparation(prepare_s=3600.0)
    bare = own_line(variant, plan, name="LoRA", prepared=hour, cost_usd_per_call=0.001, busy_s_per_call=1.0)
    found = with_limits(bare, labelled_rows(variant, 50), Limits(labelling_usd_per_row=0.2))
    assert found.preparing_usd == pytest.approx(0.15)
    assert found.labelling_usd == pytest.approx(10.0)
    assert found.most_calls_per_month == pytest.approx(730 * 3600)


def test_closed_apis_are_priced_with_their_source() -> None:
    """Every closed model that the table knows is priced, more tokens cost more, and the table is named."""
    variant = Variant(id="zero-shot", technique=Technique.ZERO_SHOT)

    def priced(extra: float) -> list[CostLine]:
        return closed_lines(
            variant, prompt_tokens=100, completion_tokens=3, labelled=50, limits=Limits(), extra_tokens=extra
        )

    few, many = priced(0), priced(1000)
    assert few
    assert {item.name for item in few} <= {model for _provider, model in CLOSED_MODELS}
    assert all(a.per_call_usd < b.per_call_usd for a, b in zip(few, many, strict=True))
    assert all(item.leaves_machine and "genai-prices" in item.source for item in few)


def test_labels_that_the_saving_pays_for() -> None:
    """Saving a tenth of a cent on 120,000 calls pays 1,200 labels of 10 cents; free labels have no number."""
    first, second = line("a", 0, 0.001), line("b", 0, 0.002)
    assert rows_worth_labelling(first, second, Limits()) == 1200
    assert rows_worth_labelling(first, second, Limits(labelling_usd_per_row=0.0)) is None


def test_images_are_counted_by_the_published_examples() -> None:
    """1,024 x 1,024 is 1,024 patches, 1,800 x 2,400 shrinks to 1,452, a 1,092-pixel square 1,590 tokens, 960 x 540 six tiles: the providers' own examples."""
    assert image_tokens("gpt-5-mini", 1024, 1024) == pytest.approx(1024 * 1.62, abs=1)
    assert image_tokens("gpt-5-mini", 1800, 2400) == 2353  # 33 x 44 patches, times 1.62
    assert image_tokens("claude-haiku-4-5", 1092, 1092) == 1590
    assert image_tokens("gemini-2.5-flash-lite", 960, 540) == 6 * 258
    assert image_tokens("gemini-2.5-flash-lite", 300, 300) == 258
    assert image_tokens("unheard-of", 100, 100) is None


@given(st.integers(1, 8000), st.integers(1, 8000))
def test_no_image_is_free_or_boundless(width: int, height: int) -> None:
    """Every rule gives at least a token, and those with a ceiling keep it."""
    assert all(rule.tokens(width, height) >= 1 for rule in RULES.values())
    assert RULES["gpt-5-nano"].tokens(width, height) <= 1536 * 2.46 + 1
    assert RULES["claude-haiku-4-5"].tokens(width, height) <= 1600
