"""Names of the decoding modes and of prior correction, and which of them fit which kind of answer."""

from __future__ import annotations

from engine.core.task import AnswerKind
from engine.core.variant import DecodingMode, PriorCorrection

CORRECTION_NAMES = {PriorCorrection.AUTO: "Auto", PriorCorrection.ON: "On", PriorCorrection.OFF: "Off"}
DECODING_NAMES = {DecodingMode.CHOICE: "Choice", DecodingMode.JSON: "JSON", DecodingMode.FREE: "Free text"}

FITTING: dict[AnswerKind, tuple[DecodingMode, ...]] = {
    AnswerKind.LABEL: (DecodingMode.CHOICE, DecodingMode.JSON, DecodingMode.FREE),
    AnswerKind.JSON: (DecodingMode.JSON, DecodingMode.FREE),
    AnswerKind.SHORT: (DecodingMode.FREE,),
    AnswerKind.TEXT: (DecodingMode.FREE,),
}
"""Decoding modes for each kind of answer; the first is the default."""
