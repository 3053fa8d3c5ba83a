"""One colour, dash and symbol per technique, the same everywhere, light and dark.

Okabe and Ito's colour-blind-safe set, adjusted for contrast. A dash and a symbol go with each colour, so that
colour is never the only carrier.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.variant import LABELS, Technique


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How a technique is drawn."""

    light: str
    dark: str
    dash: str
    """Plotly's dash name or lengths in pixels."""
    symbol: str
    """Plotly's marker symbol."""


LOOKS: dict[Technique, Look] = {
    Technique.ZERO_SHOT: Look(light="#7a7f87", dark="#a3a8b1", dash="dot", symbol="circle"),
    Technique.FEW_SHOT: Look(light="#0072b2", dark="#56b4e9", dash="dash", symbol="square"),
    Technique.RAG: Look(light="#009e73", dark="#2fc59a", dash="solid", symbol="diamond"),
    Technique.LORA: Look(light="#d55e00", dark="#ff8a3d", dash="solid", symbol="triangle-up"),
    Technique.RAG_LORA: Look(light="#aa4499", dark="#d88bc8", dash="dashdot", symbol="star"),
    Technique.CLASSIFIER: Look(light="#c99700", dark="#f0c342", dash="longdash", symbol="hexagon"),
}

_LIGHT = {"text": "#1b1f24", "muted": "#5f6b7a", "grid": "#e6e9ed", "surface": "#ffffff"}
_DARK = {"text": "#e9edf2", "muted": "#9aa5b3", "grid": "#2a303a", "surface": "#0e1116"}

PALETTES: dict[str, dict[str, str]] = {
    "light": _LIGHT | {technique.value: look.light for technique, look in LOOKS.items()},
    "dark": _DARK | {technique.value: look.dark for technique, look in LOOKS.items()},
}
"""Every named colour a chart may use, per theme."""


def colour(name: str, alpha: float | None = None) -> str:
    """Name a colour in a figure; the browser puts in the shade that fits its theme.

    Raises:
        KeyError: no such name in `PALETTES`.
    """
    if name not in PALETTES["light"]:
        raise KeyError(name)
    return f"colour:{name}" if alpha is None else f"colour:{name}/{alpha:g}"


def label(technique: Technique) -> str:
    """Write a technique as screens do."""
    return LABELS[technique]
