"""The ways to go on with a run that is over before its last row; after its spending limit, with a higher one."""

from __future__ import annotations

import streamlit as st

from components.ui import state
from components.ui.limits_form import spending_form
from components.ui.text import plain
from engine.core.errors import AdaptLabError
from engine.core.run.infos import RestToPay
from engine.core.run.plan import RunPlan
from engine.metrics import wording as say
from engine.services.lab import Lab


def rest_to_pay(lab: Lab, plan: RunPlan) -> RestToPay | None:
    """Return what is left to pay of a run that goes on only with a higher spending limit; None for any other."""
    if not plan.sources or plan.spending_limit_usd is None:
        return None
    try:
        return lab.plans.rest_to_pay(plan.run_id)
    except AdaptLabError:  # it was deleted, or its task or model is gone: resuming says so
        return None


def higher_limit(lab: Lab, plan: RunPlan, rest: RestToPay) -> None:
    """Ask for a higher limit where the run has reached its own, and go on with it."""
    with st.container(border=True):
        st.markdown(
            f"This run has reached its limit of {plain(say.money(plan.spending_limit_usd))}: it has cost "
            f"{plain(say.money(rest.spent_usd))} at {plain(rest.source)}, and the rest costs about "
            f"**{plain(say.money(rest.estimated_usd))}**."
        )
        limit_usd = spending_form(
            "Spending limit for the whole run, USD",
            rest.estimated_usd,
            spent_usd=rest.spent_usd,
            key=f"resume_limit_{plan.run_id}",
        )
        resume_button(lab, plan, limit_usd=limit_usd, disabled=limit_usd is None or limit_usd <= rest.spent_usd)


def resume_button(lab: Lab, plan: RunPlan, *, limit_usd: float | None = None, disabled: bool = False) -> None:
    """Draw the button that resumes a run."""
    st.button(
        "Resume",
        key="resume",
        type="primary",
        icon=":material/resume:",
        on_click=_resume,
        args=(lab, plan, limit_usd),
        disabled=disabled,
    )


def _resume(lab: Lab, plan: RunPlan, limit_usd: float | None) -> None:
    try:
        state.show_run(lab.runs.resume(plan.run_id, spending_limit_usd=limit_usd))
    except AdaptLabError as error:
        st.session_state[state.FAULT] = error
