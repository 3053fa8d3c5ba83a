"""The embedders of this machine as a table."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.embedder import EmbedderState
from engine.metrics import wording as say
from engine.running.preflight.embedders import languages_of
from terminal.output import Column, Listing

NOT_SAID = "unknown"
HERE = "nowhere else"


def embedder_listing(embedders: Sequence[EmbedderState]) -> Listing:
    """List embedders with the names that --embedder takes."""
    return Listing(
        title="Embedders, for --embedder",
        columns=(
            Column(heading="embedder"),
            Column(heading="backend", spare=True),
            Column(heading="texts go to"),
            Column(heading="languages"),
            Column(heading="size", figures=True),
            Column(heading="dimensions", figures=True),
            Column(heading="longest input, tokens", figures=True),
            Column(heading="texts/s here", figures=True),
            Column(heading="licence", spare=True),
            Column(heading="id", spare=True),
        ),
        rows=[
            [
                state.facts.name,
                state.facts.backend,
                state.facts.sends_to or HERE,
                languages_of(state.facts, missing=NOT_SAID),
                say.size(state.facts.size_bytes or None, missing=NOT_SAID),
                say.number(state.facts.dimensions or None, missing=NOT_SAID),
                say.number(state.facts.longest_tokens or None, missing=NOT_SAID),
                say.short(state.texts_per_s, missing="not measured"),
                state.facts.licence or NOT_SAID,
                state.facts.id,
            ]
            for state in embedders
        ],
    )
