"""The frame of every page: the logo above the menu, and facts about this machine below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from components.ui import state
from components.ui.text import plain
from engine.metrics import wording as say
from engine.services.background.at_work import Work, WorkKind
from engine.services.lab import Lab

_DOTS = (
    '<circle cx="7" cy="15.5" r="4.6" fill="#0072b2"/><circle cx="17.5" cy="15.5" r="4.6" fill="#d55e00"/>'
    '<circle cx="12.2" cy="7" r="4.6" fill="#009e73"/>'
)
ICON = f'<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24">{_DOTS}</svg>'
"""Three dots in the palette's colours. Not a Material icon: as a page icon that would be fetched from a font server."""
_LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="140" height="24" viewBox="0 0 140 24">{dots}'
    '<text x="32" y="18" font-family="system-ui, DejaVu Sans, sans-serif" font-size="17" font-weight="650" '
    'fill="{ink}">Adapt Lab</text></svg>'
)


DIRECTIONS = (
    '<style>[data-testid="stText"] > span, [data-testid="stCode"] code, '
    '[data-testid="stAlert"] p, [data-testid="stCaptionContainer"] p, textarea, input[type="text"] '
    "{ unicode-bidi: plaintext; text-align: start; } "
    '[data-testid="stText"] > span { flex: auto; } [data-testid="stCode"] code { display: block; }</style>'
)
"""What dir="auto" does, for texts that Streamlit draws: each paragraph runs as its first letter does.

A text takes the whole width that it has, since it could not begin at the right end otherwise.
"""


CONTRAST = (
    '<style>[data-testid^="stBaseButton-primary"]:not(:disabled) '
    "{ background: light-dark(#0a62a3, #2974b4); border-color: light-dark(#0a62a3, #2974b4); } "
    '[data-testid^="stBaseButton-primary"]:not(:disabled):hover { background: light-dark(#084f84, #23669e); } '
    '[data-testid^="stBaseButton-primary"]:not(:disabled) kbd { color: inherit; opacity: 1; } '
    '[data-testid="stCaptionContainer"] code { background: none; }</style>'
)
"""Grounds on which text would be too faint: the dark theme's primary colour under white, a grey one under captions."""

HELP_LAST = (
    '<style>:has(> [data-testid="stWidgetLabel"]) { reading-flow: source-order; } '
    '[data-testid="stWidgetLabel"] { reading-order: 1; }</style>'
)
"""Tab reaches a field before the help in its label, in browsers that know `reading-flow` (Chromium 137 and later).

In others the script of `components/widgets/shortcuts` leads it.
"""

FOCUS = (
    '<style>[data-testid="stSidebarNavLink"]:focus-visible '
    "{ outline: 2px solid light-dark(#0a62a3, #6db4ec); outline-offset: -2px; }</style>"
)
"""In the menu Streamlit marks the entry that has the focus by a slightly darker ground alone."""

STYLES = DIRECTIONS + CONTRAST + HELP_LAST + FOCUS
STRIP_REFRESH_S = 1.0
_PAGES = {
    WorkKind.LEARNING_CURVE: "pages/decide/learning_curve.py",
    WorkKind.CONTEXT: "pages/decide/context.py",
    WorkKind.DRIFT: "pages/decide/drift.py",
    WorkKind.SEEDS: "pages/decide/report.py",
    WorkKind.TRAINING: "pages/prepare/train.py",
    WorkKind.SPEED_TEST: "pages/prepare/models.py",
    WorkKind.CHECK: "pages/prepare/models.py",
    WorkKind.PULL: "pages/prepare/models.py",
}


_MODEL_ON = {"learning_curve": state.CURVE_MODEL, "context": state.CONTEXT_MODEL}
"""Where pages keep the model that is chosen on them, by their path; the others share one."""
_RUN_ON = {"drift": state.DRIFT_RUN}
"""Where pages that run the variants of a finished run once more keep which one that is."""


def leave_out(pages: Mapping[str, Sequence[Any]]) -> None:
    """Show neither menu nor sidebar: the page uses the whole screen."""
    st.set_page_config(initial_sidebar_state="collapsed")
    st.html(STYLES)
    st.navigation(pages, position="hidden")


def show(page: str) -> None:
    """Show the logo and the foot of the sidebar, of the page with this path."""
    state.turn_to(page)
    ink = "#e9edf2" if st.context.theme.type == "dark" else "#13171c"
    st.logo(_LOGO.format(dots=_DOTS, ink=ink), icon_image=ICON, size="medium")
    st.html(STYLES)
    machine = state.lab().machine()
    with st.sidebar:
        _strip()
        st.caption(f"{machine.cores} cores · {plain(say.size(machine.memory_bytes))}  \n{_where_inputs_go(page)}")


def _strip() -> None:
    """Show what is at work, on every page. Only this part is redrawn, and only while there is work to show."""
    at_work = bool(state.lab().at_work.now())
    st.fragment(_at_work, run_every=STRIP_REFRESH_S if at_work else None)(was_at_work=at_work)


def _at_work(*, was_at_work: bool) -> None:
    works = state.lab().at_work.now()
    if was_at_work and not works:
        st.rerun()  # nothing is redrawn from then on, and the page shows what came of the work
    for work in works:
        left = "" if work.left_s is None else f" · {say.time_left(work.left_s, rough=work.left_is_rough)}"
        with st.container(gap="xsmall", key=f"at_work_{work.kind.name}_{work.id}"):
            st.markdown(f"**{work.kind}** · {plain(work.name)}")
            st.progress(min(max(work.fraction, 0.0), 1.0))
            st.caption(plain(f"{work.how_far}{left}"))
            with st.container(horizontal=True):
                if st.button("Show", key=f"show_{work.kind.name}_{work.id}", type="tertiary"):
                    _show(work)
                st.button("Stop", key=f"stop_{work.kind.name}_{work.id}", type="tertiary", on_click=work.stop)


def _show(work: Work) -> None:
    if work.kind is WorkKind.RUN:
        state.open_run(work.id)
    else:
        st.switch_page(_PAGES[work.kind])


def _where_inputs_go(page: str) -> str:
    """Say whether inputs leave this machine, for model and embedders of the current run, else for those chosen here."""
    lab = state.lab()
    run_id = lab.runs.current_id() or _run_chosen(lab, page)
    if run_id:
        plan = lab.results.plan(run_id)
        hosts = [lab.models.sends_rows_to(plan.model_id), *(one.host for one in plan.remote_embedders)]
    else:
        model_id = st.session_state.get(_MODEL_ON.get(page, state.MODEL))
        if model_id is None and page in _MODEL_ON:  # the page begins with the first one
            model_id = next((model.id for model in lab.models.list()), None)
        hosts = [lab.models.sends_rows_to(model_id) if model_id else ""]
        hosts += lab.embedders.hosts(st.session_state.get(state.EMBEDDERS) or ())
    named = list(dict.fromkeys(filter(None, hosts)))
    return f"Inputs are sent to  \n{plain(say.listed(named))}" if named else "Nothing leaves  \nthis machine"


def _run_chosen(lab: Lab, page: str) -> str | None:
    """Return the run whose variants would run once more on this page, if it is kept here."""
    if page not in _RUN_ON:
        return None
    chosen = st.session_state.get(_RUN_ON[page]) or state.asked_run()
    return chosen if chosen in {info.run_id for info in lab.runs.list()} else None
