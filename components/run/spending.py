"""Closed APIs cost money: the estimate is shown and confirmed with a limit before the first row."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from components.ui import state
from components.ui.text import plain
from engine.core.run.infos import Preflight
from engine.core.run.plan import RunPlan
from engine.services.lab import Laboratory

_SPARE = 1.5
"""The limit that is offered, over the estimate."""
_LEAST_USD = 0.01


def confirmed(lab: Laboratory, plan: RunPlan, preflight: Preflight) -> tuple[RunPlan, Preflight]:
    """Ask for a spending limit where the model costs money; return the plan with it, estimated anew."""
    if plan.prices is None:
        return plan, preflight
    with st.container(border=True):
        st.markdown(
            f"This run costs about **{preflight.estimated_cost_usd:.4f} USD** at {plain(plan.prices.source)}: "
            f"{plan.prices.input_usd:g} USD per million tokens in, {plan.prices.output_usd:g} out. "
            "Thinking is billed as answer and comes on top."
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            limit = st.number_input(
                "Spending limit, USD",
                min_value=0.0,
                value=max(round(preflight.estimated_cost_usd * _SPARE, 2), _LEAST_USD),
                step=_LEAST_USD,
                key=state.SPENDING_LIMIT,
                help="The run stops when its tokens have cost so much; what was done is kept.",
            )
            agreed = st.checkbox("Spend it", key=f"{state.SPENDING_AGREED}_{plan.model_id}")
    if not agreed:
        return plan, preflight
    plan = replace(plan, spending_limit_usd=float(limit))
    return plan, lab.preflight(plan)
