"""Closed APIs cost money: the estimate is shown and confirmed with a limit before the first row."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from components.ui import state
from components.ui.limits_form import spending_form
from components.ui.text import plain
from engine.core.run.infos import Preflight
from engine.core.run.plan import RunPlan
from engine.metrics import wording as say
from engine.running.preflight.remote_embedders import sources_of, what_is_sent
from engine.services.lab import Lab


def confirmed(lab: Lab, plan: RunPlan, preflight: Preflight) -> tuple[RunPlan, Preflight]:
    """Ask for what only the user can agree to; return the plan with that, and a new estimate.

    That is a spending limit if model or embedder cost money, and that texts are sent on: to a host that answers for the
    model's server, or that embeds.
    """
    asked = _asked_for(lab, plan)
    agreed_to = [host for host, words, key in asked if st.checkbox(words, key=key)]
    limit_usd = _limit(plan, preflight) if len(agreed_to) == len(asked) and plan.sources else None
    if not agreed_to and limit_usd is None:
        return plan, preflight
    plan = replace(plan, rows_to=",".join(agreed_to), spending_limit_usd=limit_usd)
    return plan, lab.plans.preflight(plan)


def _limit(plan: RunPlan, preflight: Preflight) -> float | None:
    """Say what the run costs, and ask for its limit; None if that is not agreed to."""
    with st.container(border=True):
        st.markdown(
            f"This run costs about **{say.money(preflight.estimated_cost_usd)}** at {plain(sources_of(plan))}: "
            f"{' '.join(_prices(plan))}"
        )
        key = f"{state.SPENDING_LIMIT}_{plan.model_id}"
        return spending_form("Spending limit, USD", preflight.estimated_cost_usd, key=key)


def _asked_for(lab: Lab, plan: RunPlan) -> list[tuple[str, str, str]]:
    """Return the hosts that texts would be sent on to, each with what is asked and the key of its box."""
    found = []
    if host := lab.models.get(plan.model_id).forwards_to:
        found.append((host, f"Send this run's rows to {plain(host)}", f"{state.ROWS_AGREED}_{plan.model_id}"))
    for host in dict.fromkeys(one.host for one in plan.remote_embedders):
        if host not in {other for other, _words, _key in found}:
            what = what_is_sent(plan, [one for one in plan.remote_embedders if one.host == host])
            words = f"Send this run's {what} to {plain(host)}, which embeds them"
            found.append((host, words, f"{state.ROWS_AGREED}_{host}"))
    return found


def _prices(plan: RunPlan) -> list[str]:
    """Return what a million tokens cost, for the model and for each embedder."""
    told = [
        f"{one.prices.input_usd:g} USD per million tokens embedded"
        + (f" by {plain(one.name)}." if len(plan.sources) > 1 else ".")
        for one in plan.remote_embedders
        if one.prices is not None
    ]
    if plan.prices is None:
        return told
    model = (
        f"{plan.prices.input_usd:g} USD per million tokens in, {plan.prices.output_usd:g} out. "
        "Thinking tokens are billed as answer tokens and are not included."
    )
    return [model, *told]
