"""How many tokens an image adds to a prompt, by each provider's published rule. Pure functions of its pixels.

An image is counted as the provider would scale it. Rules as published in 2025 and 2026 under the addresses in `RULES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

PATCH_PX = 32
MOST_PATCHES = 1536
CLAUDE_LONGEST_PX = 1568
CLAUDE_MOST_TOKENS = 1600
CLAUDE_PIXELS_PER_TOKEN = 750
GEMINI_TILE_PX = 768
GEMINI_SMALL_PX = 384
GEMINI_TILE_TOKENS = 258


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRule:
    """A closed model's rule."""

    tokens: Callable[[int, int], int]
    words: str
    source: str


def patch_tokens(width_px: int, height_px: int, *, factor: float) -> int:
    """Count 32-pixel patches, at most 1,536 after scaling down, times the model's factor (OpenAI's smaller models)."""
    patches = math.ceil(width_px / PATCH_PX) * math.ceil(height_px / PATCH_PX)
    if patches > MOST_PATCHES:
        shrink = math.sqrt(PATCH_PX**2 * MOST_PATCHES / (width_px * height_px)) / PATCH_PX
        across, down = width_px * shrink, height_px * shrink
        fit = min(math.floor(across) / across, math.floor(down) / down)
        # Slightly less, so that floating-point error does not round up a whole number of patches.
        patches = min(math.ceil(across * fit - 1e-9) * math.ceil(down * fit - 1e-9), MOST_PATCHES)
    return math.ceil(patches * factor)


def area_tokens(width_px: int, height_px: int) -> int:
    """Count a token for 750 pixels, the longest side scaled to 1,568 pixels, at most 1,600 (Anthropic)."""
    shrink = min(1.0, CLAUDE_LONGEST_PX / max(width_px, height_px))
    return min(math.ceil(width_px * shrink * height_px * shrink / CLAUDE_PIXELS_PER_TOKEN), CLAUDE_MOST_TOKENS)


def tile_tokens(width_px: int, height_px: int) -> int:
    """Count 258 tokens for a small image, else 258 for each tile (Google).

    A tile's side is the image's shorter one over 1.5, between 256 and 768 pixels.
    """
    if max(width_px, height_px) <= GEMINI_SMALL_PX:
        return GEMINI_TILE_TOKENS
    unit = min(max(math.floor(min(width_px, height_px) / 1.5), 256), GEMINI_TILE_PX)
    return GEMINI_TILE_TOKENS * math.ceil(width_px / unit) * math.ceil(height_px / unit)


_OPENAI = "https://platform.openai.com/docs/guides/images-vision"
RULES: Mapping[str, ImageRule] = {
    "gpt-5-nano": ImageRule(
        tokens=lambda width, height: patch_tokens(width, height, factor=2.46),
        words="32-pixel patches, at most 1,536, times 2.46",
        source=_OPENAI,
    ),
    "gpt-5-mini": ImageRule(
        tokens=lambda width, height: patch_tokens(width, height, factor=1.62),
        words="32-pixel patches, at most 1,536, times 1.62",
        source=_OPENAI,
    ),
    "claude-haiku-4-5": ImageRule(
        tokens=area_tokens,
        words="pixels over 750, longest side at most 1,568 pixels, at most 1,600 tokens",
        source="https://docs.claude.com/en/docs/build-with-claude/vision",
    ),
    "gemini-2.5-flash-lite": ImageRule(
        tokens=tile_tokens,
        words="258 per tile of the image, 258 for a small one",
        source="https://ai.google.dev/gemini-api/docs/tokens",
    ),
}
"""By the model's name in `engine.metrics.costing.CLOSED_MODELS`."""


def image_tokens(model: str, width_px: int, height_px: int) -> int | None:
    """Return the tokens of one image for a closed model; None if its rule is not known here."""
    rule = RULES.get(model)
    return None if rule is None else rule.tokens(width_px, height_px)
