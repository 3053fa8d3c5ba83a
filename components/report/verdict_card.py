"""The verdict on screen in three lines: what to choose, how sure that is, what to do next. The rest is behind Why."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from components.ui.text import plain
from engine.analysis.verdict.ruling import Outcome, Verdict

_SURE = {
    Outcome.WINNER: ("decided", "green"),
    Outcome.BEST_MEASURED: ("best as measured", "green"),
    Outcome.SIMPLEST: ("decided, little to lose", "green"),
    Outcome.NONE_RIGHT: ("none got a row right", "orange"),
    Outcome.UNDECIDED: ("too few rows", "orange"),
    Outcome.ALONE: ("one meets the limits", "blue"),
    Outcome.NONE: ("none meets the limits", "red"),
}
_HELP = {
    Outcome.WINNER: "It is significantly better (5 % level, over the whole run) than all rivals that meet the limits.",
    Outcome.BEST_MEASURED: "No other variant was better on quality, p95 latency or cost in this test.",
    Outcome.SIMPLEST: "It is at most 5 points behind any other, in at least 95 of 100 such runs.",
    Outcome.NONE_RIGHT: "No variant got a row right: there is no quality to compare, and cost alone decides nothing.",
    Outcome.UNDECIDED: "These rows do not show which one is better, and a wrong choice may lose more than 5 points.",
    Outcome.ALONE: "No rival meets the limits, as measured.",
    Outcome.NONE: "Every variant misses a limit.",
}
_RAN_ALONE = ("ran alone", "gray")


def verdict_card(verdict: Verdict, act: Callable[[], None], *, compared: bool) -> None:
    """Show the verdict.

    Args:
        verdict: of the run.
        act: shows what can be done at once, below the three lines.
        compared: whether there was more than one variant.
    """
    word, tone = _SURE[verdict.outcome] if compared or verdict.outcome is Outcome.NONE else _RAN_ALONE
    with st.container(border=True, key="verdict", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.header(plain(verdict.headline), anchor=False, width="stretch")
            st.badge(word, color=tone, help=_HELP[verdict.outcome] if compared else None)  # type: ignore[arg-type]
        if verdict.sureness.text:
            st.markdown(plain(verdict.sureness.text))
        if verdict.next_step.text:
            st.markdown(f":gray[{plain(verdict.next_step.text)}]")
        act()
        if verdict.why:
            _why(verdict)


def _why(verdict: Verdict) -> None:
    with st.expander("Why", icon=":material/help_outline:", key="why"):
        st.markdown("\n".join(f"* {plain(text)}" for text in verdict.why))
        if verdict.changes:
            told = "\n".join(f"* {plain(sentence.text)}" for sentence in verdict.changes)
            st.markdown(f"What would change this:\n{told}")
