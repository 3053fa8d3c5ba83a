"""The verdict on screen: what to choose, how sure that is, why, and what would change it."""

from __future__ import annotations

import streamlit as st

from components.ui.text import plain
from engine.analysis.verdict.ruling import Outcome, Verdict

_SURE = {
    Outcome.WINNER: ("decided", "green"),
    Outcome.BEST_MEASURED: ("best as measured", "green"),
    Outcome.SIMPLEST: ("decided, little to lose", "green"),
    Outcome.UNDECIDED: ("too few rows", "orange"),
    Outcome.ALONE: ("one meets the limits", "blue"),
    Outcome.NONE: ("none meets the limits", "red"),
}
_HELP = {
    Outcome.WINNER: "It is better than each other variant that meets the limits, at the 5 % level over the whole run.",
    Outcome.BEST_MEASURED: "On quality, p95 latency and cost no other was better in this test.",
    Outcome.SIMPLEST: "It is at most 5 points behind any other, in at least 95 of 100 such runs.",
    Outcome.UNDECIDED: "These rows do not show which one is better, and a wrong choice may lose more than 5 points.",
    Outcome.ALONE: "No other variant meets your limits, as measured.",
    Outcome.NONE: "Every variant misses one of your limits.",
}


def verdict_card(verdict: Verdict) -> None:
    """Show the verdict."""
    word, tone = _SURE[verdict.outcome]
    with st.container(border=True, key="verdict"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(plain(verdict.headline), anchor=False, width="stretch")
            st.badge(word, color=tone, help=_HELP[verdict.outcome])  # type: ignore[arg-type]
        st.markdown(plain(f"{verdict.sureness.text} {verdict.basis.text}".strip()))
        st.markdown("\n".join(f"* {plain(sentence.text)}" for sentence in verdict.reasons))
        if verdict.changes:
            told = "\n".join(f"* :gray[{plain(sentence.text)}]" for sentence in verdict.changes)
            st.markdown(f":gray[What would change this:]\n{told}")
