"""The user's limits and assumptions, edited in one place and kept for the session."""

from __future__ import annotations

import streamlit as st

from components.ui import state
from engine.core.limits import Limits


def limits_form() -> Limits:
    """Show the limits behind a button and return them; an emptied field sets no limit."""
    defaults = Limits()
    with st.popover("Limits", icon=":material/tune:"):
        st.caption("What you need. An empty field sets no limit.")
        quality = _optional(
            "Minimum quality, %",
            state.LEAST_QUALITY,
            (defaults.least_quality or 0.0) * 100,
            step=1.0,
            most=100.0,
            help_text="Variants with a lower mean score are ruled out.",
        )
        p95 = _optional(
            "Maximum p95, seconds",
            state.HIGHEST_P95,
            defaults.highest_p95_s,
            step=0.1,
            help_text="95 of 100 answers must be complete within this time.",
        )
        cost = _optional(
            "Maximum cost, USD per 1,000 answers",
            state.HIGHEST_COST,
            defaults.highest_cost_usd_per_1k,
            step=0.05,
            help_text="Running cost only; one-off costs count in the total.",
        )
        st.caption("Expected use")
        calls, months, labelling, leave = use_form(defaults)
    return Limits(
        least_quality=None if quality is None else quality / 100,
        highest_p95_s=p95,
        highest_cost_usd_per_1k=cost,
        calls_per_month=calls,
        months=months,
        labelling_usd_per_row=labelling,
        data_may_leave=leave,
    )


def limits_so_far() -> Limits:
    """Return the session's limits without a form, for a page that only shows what follows from them."""
    defaults, set_so_far = Limits(), st.session_state
    percent = set_so_far.get(state.LEAST_QUALITY, (defaults.least_quality or 0.0) * 100)
    return Limits(
        least_quality=None if percent is None else percent / 100,
        highest_p95_s=set_so_far.get(state.HIGHEST_P95, defaults.highest_p95_s),
        highest_cost_usd_per_1k=set_so_far.get(state.HIGHEST_COST, defaults.highest_cost_usd_per_1k),
        calls_per_month=set_so_far.get(state.CALLS_PER_MONTH, defaults.calls_per_month),
        months=set_so_far.get(state.MONTHS, defaults.months),
        labelling_usd_per_row=set_so_far.get(state.LABELLING_USD, defaults.labelling_usd_per_row),
        data_may_leave=set_so_far.get(state.DATA_MAY_LEAVE, defaults.data_may_leave),
    )


def _optional(
    label: str, key: str, default: float | None, *, step: float, help_text: str, most: float | None = None
) -> float | None:
    """Ask for an optional number: the field starts with the default and can be emptied."""
    if key not in st.session_state:
        st.session_state[key] = default
    value = st.number_input(
        label,
        min_value=0.0,
        max_value=most,
        value=None,
        step=step,
        key=key,
        persist_state="session",
        placeholder="no limit",
        help=help_text,
    )
    return None if value is None else float(value)


def use_form(defaults: Limits) -> tuple[int, int, float, bool]:
    """Ask how it will be used: calls per month, months, labelling cost per row, whether data may leave."""
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
        help="Whether inputs may be sent to a closed API. If not, closed APIs are shown only for comparison.",
    )
    return int(calls), int(months), float(labelling), bool(leave)
