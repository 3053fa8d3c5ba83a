"""What a search may spend at a closed API: the rows of the run stay affordable, whatever the search could go on to try."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.models.scripted import FACTS
from engine.analysis.basis.efforts import effort_sentences
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.prices import TokenPrices
from engine.core.run.effort import SearchEnd, Trial, TrialOutcome
from engine.core.run.events import RunEnded
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Usage
from engine.running.preflight.estimating import SEARCH_SPENDS, estimate_run
from engine.running.search.spending import leaves_enough, rows_usd
from tests.unit.test_search import TASK, Fussy, carried_out, plan, ports

PRICES = TokenPrices(source="maker/model", input_usd=1.0, cached_input_usd=1.0, output_usd=1.0)
ANSWER_USD = 0.001


class Paid(Fussy):
    """Every answer costs the same."""

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer with so many tokens."""
        for piece in super().generate(request, cancel=cancel):
            yield replace(piece, usage=Usage(prompt_tokens=1_000)) if isinstance(piece, Completion) else piece


def priced(limit_usd: float | None, **choices: Any) -> RunPlan:
    """Plan a search at a closed API."""
    made = plan(**{"trials": {"all": 40}, **choices})
    return replace(made, prices=PRICES, spending_limit_usd=limit_usd)


def test_a_search_leaves_what_the_rows_need(tmp_path: Path) -> None:
    """It ends by itself below the limit, says so, and all rows of default and tuned variants are answered."""
    a_plan = priced(0.3)
    here = ports(tmp_path, a_plan, Paid())
    assert carried_out(a_plan, here)[-1] == RunEnded(status="done")
    manifest = here.store.manifest("r")
    searches = manifest.effort or {}
    assert searches["few-shot-tuned"].ended is SearchEnd.MONEY
    told = next(one for one in effort_sentences(searches) if one.startswith("Few-shot"))
    assert "; the rest of the spending limit is for the test rows" in told
    made = here.store.predictions("r")
    assert len(made) == len(manifest.plan.variants) * len(TASK.split("test"))
    assert not [one for one in made if one.failure]
    spent = manifest.beside_usd + ANSWER_USD * len(made)
    assert manifest.beside_usd > 0.1, "it did search"
    assert spent <= 0.3


def test_a_search_that_is_over_is_not_ended_by_the_limit(tmp_path: Path) -> None:
    """After the last trial that was asked for nothing more is weighed, although another would be too dear."""
    pool = len(priced(None).effort.pool_ids)  # type: ignore[union-attr]
    rows = len(TASK.split("test"))
    a_plan = priced((2 * pool + 4 * (rows + 1) + 1) * ANSWER_USD, trials={"all": 1})
    here = ports(tmp_path, a_plan, Paid())
    assert carried_out(a_plan, here)[-1] == RunEnded(status="done")
    assert {search.ended for search in (here.store.manifest("r").effort or {}).values()} == {SearchEnd.TRIALS}


def test_a_trial_without_an_answer_is_no_price_of_one() -> None:
    """What failed after it was paid for is expected to cost as much again, and says nothing of the rows of the run."""
    paid = Trial(setting={}, standing=TrialOutcome.WHOLE, row_scores=(1.0,) * 10, cost_usd=0.01)
    broken = Trial(setting={"a": "b"}, standing=TrialOutcome.FAILED, cost_usd=5.0)
    a_plan = priced(10.0)
    context: Any = SimpleNamespace(plan=a_plan, task=TASK, model=Fussy())
    tuned = next(variant for variant in a_plan.variants if variant.tuned)
    seeker: Any = SimpleNamespace(variant=tuned, trials=[paid, broken])
    assert rows_usd(context, [seeker]) == pytest.approx(2 * 13 * 0.001)
    assert leaves_enough(context, [seeker], seeker, 5.1)
    assert not leaves_enough(context, [seeker], seeker, 5.02)


def test_the_first_trials_leave_what_the_rows_need(tmp_path: Path) -> None:
    """Of a technique of which nothing is known yet at least what the cheapest answer cost is kept back."""
    pool = len(priced(None).effort.pool_ids)  # type: ignore[union-attr]
    rows = len(TASK.split("test"))
    a_plan = priced((pool + 4 * (rows + 1) + pool / 2) * ANSWER_USD)
    here = ports(tmp_path, a_plan, Paid())
    assert carried_out(a_plan, here)[-1] == RunEnded(status="done")
    manifest = here.store.manifest("r")
    searches = manifest.effort or {}
    assert {name: (len(one.trials), one.ended) for name, one in searches.items()} == {
        "zero-shot-tuned": (1, SearchEnd.MONEY), "few-shot-tuned": (0, SearchEnd.MONEY),
    }  # fmt: skip
    assert len(here.store.predictions("r")) == 2 * rows


def test_without_a_limit_a_search_goes_on(tmp_path: Path) -> None:
    """Nothing is held back where nothing is limited."""
    a_plan = priced(None, trials={"all": 8})
    here = ports(tmp_path, a_plan, Paid())
    carried_out(a_plan, here)
    assert SearchEnd.MONEY not in {search.ended for search in (here.store.manifest("r").effort or {}).values()}


@pytest.mark.parametrize("trials", [4, 12])
def test_the_estimate_covers_what_a_search_of_so_many_trials_costs(trials: int) -> None:
    """More trials cost more, and longer prompts are counted on."""
    facts = replace(FACTS, server="maker", parameters=0)
    told = [
        estimate_run(one, TASK, facts, cores=2, free_memory_bytes=10**12, trainable=()).estimated_cost_usd
        for one in (priced(None, trials={"all": trials}), replace(priced(None, trials={"all": trials}), effort=None))
    ]
    assert told[0] > told[1]


def test_seconds_at_a_closed_api_buy_many_answers() -> None:
    """Several rows are asked for at once, so that a minute is no sixty answers; and the limit is said to hold."""
    facts = replace(FACTS, server="maker", parameters=0)
    one, ten = (
        estimate_run(
            priced(1.0, trials=None, effort_s=seconds), TASK, facts,
            cores=2, free_memory_bytes=10**12, trainable=(),
        )
        for seconds in (60.0, 600.0)
    )  # fmt: skip
    pool = len(priced(1.0).effort.pool_ids)  # type: ignore[union-attr]
    assert one.settings["few-shot"] * pool >= 200
    assert ten.estimated_cost_usd > one.estimated_cost_usd
    assert SEARCH_SPENDS in one.notes
