"""The verdict on screen: what to choose, how sure that is, why, and what would change it."""

from __future__ import annotations

import streamlit as st

from components.ui.text import plain
from engine.analysis.verdict_types import Outcome, Verdict

_SURE = {
    Outcome.WINNER: ("settled", "green"),
    Outcome.TIED: ("tied, little to lose", "green"),
    Outcome.OPEN: ("not settled", "orange"),
    Outcome.ALONE: ("one keeps the limits", "blue"),
    Outcome.NONE: ("none keeps the limits", "red"),
}
_HELP = {
    Outcome.WINNER: "It is better than every other that keeps the limits, at the 5 % level over all pairs.",
    Outcome.TIED: "The best cannot be told apart; taking the simplest surely loses at most 5 points.",
    Outcome.OPEN: "The best cannot be told apart by these rows; taking the simplest may lose more than 5 points.",
    Outcome.ALONE: "No other variant keeps your limits, as measured.",
    Outcome.NONE: "Every variant breaks one of your limits.",
}


def verdict_card(verdict: Verdict) -> None:
    """Show the verdict."""
    word, tone = _SURE[verdict.outcome]
    with st.container(border=True, key="verdict"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(plain(verdict.headline), anchor=False, width="stretch")
            st.badge(word, color=tone, help=_HELP[verdict.outcome])  # type: ignore[arg-type]
        st.markdown(plain(verdict.sureness.text))
        st.markdown("\n".join(f"* {plain(sentence.text)}" for sentence in verdict.reasons))
        if verdict.changes:
            told = "\n".join(f"* :gray[{plain(sentence.text)}]" for sentence in verdict.changes)
            st.markdown(f":gray[What would change this:]\n{told}")
