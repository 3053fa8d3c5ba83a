"""Decoding on screen: names of its modes and of prior correction, and the choice among those that fit an answer."""

from __future__ import annotations

import streamlit as st

from engine.core.task import AnswerKind
from engine.core.variant import DecodingMode, PriorCorrection

CORRECTION_NAMES = {PriorCorrection.AUTO: "Auto", PriorCorrection.ON: "On", PriorCorrection.OFF: "Off"}
_NAMES = {DecodingMode.CHOICE: "Choice", DecodingMode.JSON: "JSON", DecodingMode.FREE: "Free text"}

FITTING: dict[AnswerKind, tuple[DecodingMode, ...]] = {
    AnswerKind.LABEL: (DecodingMode.CHOICE, DecodingMode.JSON, DecodingMode.FREE),
    AnswerKind.JSON: (DecodingMode.JSON, DecodingMode.FREE),
    AnswerKind.SHORT: (DecodingMode.FREE,),
    AnswerKind.TEXT: (DecodingMode.FREE,),
}
"""Decoding modes for each kind of answer; the first is the default."""


def choose_decoding(kind: AnswerKind, *, key: str) -> DecodingMode:
    """Let the user choose among the modes that fit this kind of answer."""
    fitting = FITTING[kind]
    chosen = st.segmented_control(
        "Decoding",
        list(fitting),
        default=fitting[0],
        format_func=_NAMES.__getitem__,
        required=True,
        key=f"{key}_{kind.value}",
        persist_state="session",
        help="Choice picks the most likely label; JSON follows a schema; free text is parsed afterwards.",
    )
    return chosen or fitting[0]
