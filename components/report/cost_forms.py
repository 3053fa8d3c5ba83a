"""Inputs of the cost estimate, edited on the Costs page: this machine, its use, additions to the prompt."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from components.ui.text import plain
from engine.metrics.image_tokens import RULES, image_tokens

_SIZES = {
    "512 x 512": (512, 512),
    "1,024 x 1,024": (1024, 1024),
    "1,920 x 1,080": (1920, 1080),
    "A4 at 150 dpi": (1240, 1754),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Extra:
    """What would be added to every prompt at a closed API."""

    context_tokens: int
    images: int
    width_px: int
    height_px: int

    def tokens(self, model: str) -> float:
        """Return the additional prompt tokens for this model; an unknown image rule adds none."""
        return self.context_tokens + self.images * (image_tokens(model, self.width_px, self.height_px) or 0)


def extra_form() -> Extra:
    """Ask what would be added to every prompt: a longer context, images."""
    context = st.number_input(
        "More tokens of context",
        min_value=0,
        value=0,
        step=500,
        key="costs_context",
        persist_state="session",
        help="Tokens that a longer prompt would add to every call, for instance more passages.",
    )
    images = st.number_input(
        "Images per call",
        min_value=0,
        value=0,
        key="costs_images",
        persist_state="session",
        help="Images that every call would carry.",
    )
    chosen = st.selectbox("Image size, pixels", list(_SIZES), index=1, key="costs_image_size", persist_state="session")
    width, height = _SIZES[chosen]
    with st.popover("How images are counted", type="tertiary"):
        for model, rule in RULES.items():
            tokens = rule.tokens(width, height)
            st.caption(plain(f"{model}: {tokens:,} tokens at {width} x {height}. {rule.words}. {rule.source}"))
    return Extra(context_tokens=int(context), images=int(images), width_px=width, height_px=height)
