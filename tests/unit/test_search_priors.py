"""Prior correction in a search: the default that settings are compared with is the default of the run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.models.scripted import ScriptedModel
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.run.effort import Trial
from engine.core.run.events import RunEnded
from engine.core.run.label_prior import LabelPrior
from engine.core.techniques import Technique
from engine.core.variant import PriorCorrection
from engine.running.preparation.priors import measure_prior
from tests.unit.test_search import RIGHT, carried_out, plan, ports

_NAMES = Technique.ZERO_SHOT, Technique.FEW_SHOT, Technique.RAG


class Biased(ScriptedModel):
    """Says the first label whatever it reads, though it finds the right one likelier than the rest."""

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Lay most of the odds on the first label."""
        text = request.messages[-1].content.partition("\n")[0].removeprefix("Text: ")
        labels = request.decoding.labels
        weights = {one: (6.0 if one == labels[0] else 1.0) * (2.0 if one == RIGHT.get(text) else 1.0) for one in labels}
        odds = {one: weight / sum(weights.values()) for one, weight in weights.items()}
        for piece in super().generate(request, cancel=cancel):
            changed = replace(piece, text=labels[0])
            yield replace(changed, probabilities=odds) if isinstance(changed, Completion) else changed


def _figures(prior: LabelPrior) -> LabelPrior:
    return replace(prior, measure_s=0.0)


@pytest.mark.parametrize("correction", [PriorCorrection.AUTO, PriorCorrection.ON])
def test_the_defaults_prior_is_that_of_a_run_without_a_search(
    correction: PriorCorrection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is decided once, in the default's trial, by the rows and examples by which a run without a search decides it."""
    measured: list[str] = []

    def spied(context: Any, ready: Any, train: Any) -> Any:
        if not context.plan.effort or context.plan.effort.settled:
            measured.append(ready.variant.id)
        return measure_prior(context, ready, train)

    for place in ("search.trying", "preparation.preparing", "preparation.shots"):
        monkeypatch.setattr(f"engine.running.{place}.measure_prior", spied)
    kept = {}
    for name, trials in (("plain", None), ("searched", {"all": 3})):
        measured.clear()
        a_plan = plan(names=_NAMES, prior_correction=correction, trials=trials)
        here = ports(tmp_path / name, a_plan, Biased())
        assert carried_out(a_plan, here)[-1] == RunEnded(status="done")
        kept[name] = here.store.manifest("r")
        default_ids = [variant.id for variant in a_plan.variants if not variant.tuned]
        assert [one for one in measured if one in default_ids] == (default_ids if trials is None else [])
    for name in map(str, _NAMES):
        (plain,), (after_search,) = (kept[key].prepared[name].priors for key in ("plain", "searched"))
        default = _default_trial(kept["searched"], name)
        assert default.prior == after_search
        assert default.corrected is after_search.corrected
        assert _figures(after_search) == _figures(plain)
        took = kept["searched"].prepared[name].prepare_s
        assert took >= after_search.measure_s > 0, "its seconds are the run's preparation"
    assert kept["plain"].prepared["zero-shot"].priors[0].corrected


def test_its_seconds_are_none_of_the_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deciding about the default is the run's preparation, whichever way the run answers."""
    clock = itertools.count()

    def spied(context: Any, ready: Any, train: Any) -> Any:
        for _ in range(5_000):
            next(clock)
        return measure_prior(context, ready, train)

    monkeypatch.setattr("engine.running.search.trying.measure_prior", spied)
    monkeypatch.setattr(
        "engine.running.search.trying.time", SimpleNamespace(perf_counter=lambda: float(next(clock)), time=lambda: 0.0)
    )
    for throughput in (False, True):
        a_plan = replace(plan(names=_NAMES[:2], prior_correction=PriorCorrection.AUTO), throughput=throughput)
        here = ports(tmp_path / str(throughput), a_plan, Biased())
        carried_out(a_plan, here)
        assert 0 < _default_trial(here.store.manifest("r"), "zero-shot").seconds < 5_000


def test_each_of_several_draws_has_a_prior_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn is measured for each draw in the run; what is not is measured once, in the search."""
    measured: list[tuple[str, bool]] = []

    def spied(context: Any, ready: Any, train: Any) -> Any:
        measured.append((ready.variant.default_id, context.plan.effort.settled))
        return measure_prior(context, ready, train)

    for place in ("search.trying", "preparation.preparing"):
        monkeypatch.setattr(f"engine.running.{place}.measure_prior", spied)
    a_plan = plan(names=_NAMES, prior_correction=PriorCorrection.AUTO, draws=2, trials={"all": 1})
    here = ports(tmp_path, a_plan, Biased())
    assert carried_out(a_plan, here)[-1] == RunEnded(status="done")
    assert sorted(measured) == [("few-shot", True), ("few-shot", True), ("rag", False), ("zero-shot", False)]
    prepared = here.store.manifest("r").prepared
    assert {name: len(prepared[name].priors) for name in map(str, _NAMES)} == {"zero-shot": 1, "few-shot": 2, "rag": 1}


def test_a_search_without_correction_measures_none(tmp_path: Path) -> None:
    """Where correction is off nothing is measured for it."""
    a_plan = plan(names=_NAMES[:1])
    here = ports(tmp_path, a_plan, Biased())
    carried_out(a_plan, here)
    default = _default_trial(here.store.manifest("r"), "zero-shot")
    assert default.prior is None
    assert default.corrected is None


def _default_trial(manifest: Any, name: str) -> Trial:
    trial: Trial = manifest.effort[f"{name}-tuned"].in_order[0]
    return trial
