"""The user's limits and assumptions, edited in one place and kept for the session."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from components.ui import state
from engine.core.limits import Limits
from engine.metrics.budget import proposed_limit_usd

_STEP_USD = 0.01


def needs_form() -> Limits:
    """Ask on the page what the user needs, and behind a button for the expected use."""
    with st.container(border=True, key="needs"):
        words, quality, p95, cost, last = st.columns([4, 5, 5, 5, 3], vertical_alignment="bottom")
        words.markdown("**What do you need?**  \n:small[:gray[empty: no limit]]")
        with quality:
            least = _quality()
        with p95:
            slowest = _p95()
        with cost:
            dearest = _cost()
        with last, st.popover("Usage", icon=":material/tune:", width="stretch"):
            use = use_form()
    return replace(use, least_quality=least, highest_p95_s=slowest, highest_cost_usd_per_1k=dearest)


def limits_form() -> Limits:
    """Ask the same behind a button, where the page has no room for it."""
    with st.popover("Limits", icon=":material/tune:"):
        st.caption("What you need. An empty field sets no limit.")
        least, slowest, dearest = _quality(), _p95(), _cost()
        st.caption("Expected use")
        use = use_form()
    return replace(use, least_quality=least, highest_p95_s=slowest, highest_cost_usd_per_1k=dearest)


def _quality() -> float | None:
    percent = _optional(
        "Minimum quality, %",
        state.LEAST_QUALITY,
        step=1.0,
        most=100.0,
        help_text="Variants scoring below this are ruled out.",
    )
    return None if percent is None else percent / 100


def _p95() -> float | None:
    return _optional(
        "Maximum p95 latency, s",
        state.HIGHEST_P95,
        step=0.1,
        help_text="95 of 100 answers must be complete within this time.",
    )


def _cost() -> float | None:
    return _optional(
        "Maximum cost per 1,000, USD",
        state.HIGHEST_COST,
        step=0.05,
        help_text="Running cost of 1,000 answers; one-off costs count in the total.",
    )


def limits_so_far() -> Limits:
    """Return the session's limits without a form, for a page that only shows what follows from them."""
    defaults, set_so_far = Limits(), st.session_state
    percent = set_so_far.get(state.LEAST_QUALITY)
    return Limits(
        least_quality=None if percent is None else percent / 100,
        highest_p95_s=set_so_far.get(state.HIGHEST_P95),
        highest_cost_usd_per_1k=set_so_far.get(state.HIGHEST_COST),
        calls_per_month=set_so_far.get(state.CALLS_PER_MONTH, defaults.calls_per_month),
        months=set_so_far.get(state.MONTHS, defaults.months),
        labelling_usd_per_row=set_so_far.get(state.LABELLING_USD, defaults.labelling_usd_per_row),
        data_may_leave=set_so_far.get(state.DATA_MAY_LEAVE, defaults.data_may_leave),
    )


def spending_form(label: str, estimated_usd: float, *, spent_usd: float = 0.0, key: str) -> float | None:
    """Ask what a run may cost, and whether that is agreed to; None if it is not.

    Args:
        label: of the field.
        estimated_usd: what is still to be paid; the field follows it until the user changes the field or agrees.
        spent_usd: what was paid already, where the limit includes that.
        key: keeps field and consent between reruns; what is agreed to for one thing must not hold for another.
    """
    agreed_key, offered_key = f"{key}_agreed", f"{key}_offered"
    if not st.session_state.get(agreed_key):
        offered = proposed_limit_usd(estimated_usd, spent_usd=spent_usd)
        if st.session_state.get(key) in {None, st.session_state.get(offered_key)}:
            state.put(key, offered)
        st.session_state[offered_key] = offered
    with st.container(horizontal=True, vertical_alignment="bottom"):
        limit = st.number_input(
            label,
            min_value=0.0,
            step=_STEP_USD,
            key=key,
            help="The run stops when its tokens have cost this much; finished rows are saved.",
            width=280,
        )
        agreed = st.checkbox("I agree to spend up to this limit", key=agreed_key)
    return float(limit) if agreed else None


def _optional(label: str, key: str, *, step: float, help_text: str, most: float | None = None) -> float | None:
    """Ask for a number that may stay empty, as it is at first."""
    value = st.number_input(
        label,
        min_value=0.0,
        max_value=most,
        value=None,
        step=step,
        format="%g",
        key=key,
        persist_state="session",
        placeholder="no limit",
        help=help_text,
    )
    return None if value is None else float(value)


def use_form() -> Limits:
    """Ask how it will be used: calls per month, months, labelling cost per row, whether data may leave."""
    defaults = Limits()
    calls = st.number_input(
        "Calls per month",
        min_value=1,
        value=defaults.calls_per_month,
        step=1000,
        key=state.CALLS_PER_MONTH,
        persist_state="session",
        help="How many answers you need each month.",
    )
    months = st.number_input(
        "Months",
        min_value=1,
        max_value=120,
        value=defaults.months,
        key=state.MONTHS,
        persist_state="session",
        help="How long you will use it before you replace it.",
    )
    labelling = st.number_input(
        "Labelling, USD per row",
        min_value=0.0,
        value=defaults.labelling_usd_per_row,
        step=0.01,
        key=state.LABELLING_USD,
        persist_state="session",
        help="What one labelled row costs; the default is 20 seconds of a person at 18 USD an hour.",
    )
    leave = st.toggle(
        "Data may leave this machine",
        value=defaults.data_may_leave,
        key=state.DATA_MAY_LEAVE,
        persist_state="session",
        help="Whether inputs may be sent to a closed API. If not, those that answered no row of the run are shown only "
        "for comparison.",
    )
    return Limits(
        calls_per_month=int(calls),
        months=int(months),
        labelling_usd_per_row=float(labelling),
        data_may_leave=bool(leave),
    )
