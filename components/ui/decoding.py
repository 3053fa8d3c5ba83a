"""How decodings are written, and which fit which kind of answer."""

from __future__ import annotations

from engine.core.task import AnswerKind
from engine.core.variant import DecodingMode

DECODING_NAMES = {DecodingMode.CHOICE: "Choice", DecodingMode.JSON: "JSON", DecodingMode.FREE: "Free text"}

FITTING: dict[AnswerKind, tuple[DecodingMode, ...]] = {
    AnswerKind.LABEL: (DecodingMode.CHOICE, DecodingMode.JSON, DecodingMode.FREE),
    AnswerKind.JSON: (DecodingMode.JSON, DecodingMode.FREE),
    AnswerKind.SHORT: (DecodingMode.FREE,),
    AnswerKind.TEXT: (DecodingMode.FREE,),
}
"""How an answer of each kind may be drawn; the first is what a first visit gets."""
