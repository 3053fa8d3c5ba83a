"""One colour, dash and symbol per technique, the same on every screen and in the memo, light and dark.

Okabe and Ito's colour-blind-safe set, adjusted for contrast. A dash and a symbol go with each colour, so that
colour is never the only carrier.
"""

from __future__ import annotations

from engine.core.techniques import TECHNIQUES

FONTS = (
    "system-ui, 'Segoe UI', 'DejaVu Sans', 'Noto Sans', 'PingFang SC', 'Hiragino Sans', 'Apple SD Gothic Neo', "
    "'Microsoft YaHei', 'Yu Gothic', 'Malgun Gothic', 'Noto Sans CJK SC', 'Noto Sans Arabic', 'Noto Sans Hebrew', "
    "'Noto Sans Thai', 'Leelawadee UI', 'Noto Sans Devanagari', 'Nirmala UI', sans-serif"
)
"""The system's own fonts, by name for viewers of pictures that look for letters in the named ones alone."""
_LIGHT = {
    "text": "#13171c",
    "muted": "#5f6b7a",
    "grid": "#e6e9ed",
    "surface": "#ffffff",
    "shade": "#8a93a0",
    "better": "#5a9bd5",
    "worse": "#e5707a",
    "closed": "#3f4854",
    "accent": "#0a62a3",
}
_DARK = {
    "text": "#e9edf2",
    "muted": "#9aa5b3",
    "grid": "#2a303a",
    "surface": "#0e1116",
    "shade": "#6b7684",
    "better": "#2c699f",
    "worse": "#a8434b",
    "closed": "#c3cad3",
    "accent": "#6cb6f5",
}

PALETTES: dict[str, dict[str, str]] = {
    "light": _LIGHT | {technique.value: facts.style.light for technique, facts in TECHNIQUES.items()},
    "dark": _DARK | {technique.value: facts.style.dark for technique, facts in TECHNIQUES.items()},
}
"""Every named colour a chart may use, per theme."""


def colour(name: str, alpha: float | None = None) -> str:
    """Name a colour in a figure; the renderer inserts the shade that fits the theme.

    Raises:
        KeyError: no such name in `PALETTES`.
    """
    if name not in PALETTES["light"]:
        raise KeyError(name)
    return f"colour:{name}" if alpha is None else f"colour:{name}/{alpha:g}"


def paint(value: object, theme: str = "light") -> object:
    """Replace colour names with a theme's shades, in plain data of any depth."""
    if isinstance(value, str) and value.startswith("colour:"):
        name, _, alpha = value.removeprefix("colour:").partition("/")
        shade = PALETTES[theme][name]
        if not alpha:
            return shade
        red, green, blue = (int(shade[place : place + 2], 16) for place in (1, 3, 5))
        return f"rgba({red},{green},{blue},{alpha})"
    if isinstance(value, dict):
        return {key: paint(item, theme) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [paint(item, theme) for item in value]
    return value
