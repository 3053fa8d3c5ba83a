"""Where too few rows decide nothing: the button that runs more of them, or how many labelled rows are missing."""

from __future__ import annotations

import streamlit as st

from components.ui import state
from components.ui.errors import fault
from components.ui.limits_form import spending_form
from components.ui.run_data import more_rows_of
from components.ui.text import plain
from engine.core.errors import AdaptLabError
from engine.core.run.infos import MoreRows, RunInfo
from engine.metrics import wording as say
from engine.services.lab import Lab


def more_rows(lab: Lab, info: RunInfo, rows_needed: int | None) -> None:
    """Offer to run as many more rows as should settle the verdict; nothing where none would, or while the run goes on.

    Args:
        lab: the app's.
        info: of the run.
        rows_needed: by its verdict.
    """
    if rows_needed is None or info.run_id == lab.runs.current_id():
        return
    offer = more_rows_of(lab, info, say.roughly(rows_needed))
    if offer is None:
        return
    if offer.missing:
        _missing(offer)
        return
    limit_usd = _agreed(info.run_id, offer) if offer.source else None
    pressed = st.button(
        f"Run {say.counted(offer.needed, 'more row')} (about {say.about_duration(offer.estimated_s)})",
        key="more_rows",
        type="primary",
        icon=":material/play_arrow:",
        disabled=bool(offer.source) and limit_usd is None,
        help="Continues this run with the next test rows, for all variants still in it. The tests allow for this look.",
    )
    if pressed:
        _run(lab, info.run_id, offer.needed, limit_usd)


def _missing(offer: MoreRows) -> None:
    left = say.counted(offer.left, "test row") if offer.left else "No test row"
    verb = "are" if offer.left > 1 else "is"
    with st.container(horizontal=True, vertical_alignment="center"):
        rows = say.counted(offer.missing, "more labelled row")
        st.markdown(plain(f"{left} {verb} left: {rows} needed."), width="content")
        st.page_link("pages/prepare/upload.py", label="Add labelled rows", icon=":material/upload_file:")


def _agreed(run_id: str, offer: MoreRows) -> float | None:
    """Ask for the limit of the whole run and for consent; None without it."""
    verb = "costs" if offer.needed == 1 else "cost"
    st.markdown(
        f"{say.counted(offer.needed, 'more row')} {verb} about **{plain(say.money(offer.estimated_usd))}** at "
        f"{plain(offer.source)}; this run has cost {plain(say.money(offer.spent_usd))} so far."
    )
    return spending_form(
        "Spending limit for the whole run, USD",
        offer.estimated_usd,
        spent_usd=offer.spent_usd,
        key=f"more_rows_limit_{run_id}",
    )


def _run(lab: Lab, run_id: str, rows: int, limit_usd: float | None) -> None:
    try:
        lab.more_rows.add(run_id, rows, spending_limit_usd=limit_usd)
        lab.runs.resume(run_id)
    except AdaptLabError as error:
        fault(error)
        return
    state.open_run(run_id)
