"""Closed APIs cost money: the estimate is shown and confirmed with a limit before the first row."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from components.ui import state
from components.ui.text import plain
from engine.core.run.infos import Preflight
from engine.core.run.plan import RunPlan
from engine.metrics import wording as say
from engine.services.lab import Lab

_SPARE = 1.5
"""Default limit, as a multiple of the estimate."""
_LEAST_USD = 0.01


def confirmed(lab: Lab, plan: RunPlan, preflight: Preflight) -> tuple[RunPlan, Preflight]:
    """Ask for what only the user can agree to; return the plan with that, and a new estimate.

    That is a spending limit if the model costs money, and that rows are sent on if its server does not answer itself.
    """
    if host := lab.models.get(plan.model_id).forwards_to:
        if not st.checkbox(f"Send this run's rows to {plain(host)}", key=f"{state.ROWS_AGREED}_{plan.model_id}"):
            return plan, preflight
        plan = replace(plan, rows_to=host)
        preflight = lab.runs.preflight(plan)
    if plan.prices is None:
        return plan, preflight
    agreed_key = f"{state.SPENDING_AGREED}_{plan.model_id}"
    if not st.session_state.get(agreed_key):
        _offer(max(round(preflight.estimated_cost_usd * _SPARE, 2), _LEAST_USD))
    with st.container(border=True):
        st.markdown(
            f"This run costs about **{say.money(preflight.estimated_cost_usd)}** at {plain(plan.prices.source)}: "
            f"{plan.prices.input_usd:g} USD per million tokens in, {plan.prices.output_usd:g} out. "
            "Thinking tokens are billed as answer tokens and are not included."
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            limit = st.number_input(
                "Spending limit, USD",
                min_value=0.0,
                step=_LEAST_USD,
                key=state.SPENDING_LIMIT,
                help="The run stops when its tokens have cost this much; finished rows are saved.",
            )
            agreed = st.checkbox("Spend it", key=agreed_key)
    if not agreed:
        return plan, preflight
    plan = replace(plan, spending_limit_usd=float(limit))
    return plan, lab.runs.preflight(plan)


def _offer(limit_usd: float) -> None:
    """Let the limit follow the estimate until the user has changed it or agreed to it."""
    if st.session_state.get(state.SPENDING_LIMIT) in {None, st.session_state.get(state.SPENDING_OFFERED)}:
        st.session_state[state.SPENDING_LIMIT] = limit_usd
    st.session_state[state.SPENDING_OFFERED] = limit_usd
