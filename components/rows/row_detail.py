"""One row of a run: what every variant answered, and how each answer came about."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import polars as pl
import streamlit as st

from components.ui.text import inert, plain, visible
from components.widgets.tables import show_table, wide_table
from engine.analysis.marks import FigureName, Origin, mark_of
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.task import Document, Example
from engine.core.techniques import Technique
from engine.core.variant import TUNED_ENDING, named, variant_names
from engine.metrics import wording as say
from engine.metrics.marks import Mark, heading_of_numbers
from engine.metrics.retrieval import error_cause

_LONG = 1500

_SIGNS = {"right": "✓ right", "wrong": "✗ wrong", "failed": "▨ failed"}


_MARKED = {
    "Retrieval": FigureName.RETRIEVAL,
    "First word": FigureName.TTFT,
    "Whole answer": FigureName.TOTAL,
    "Prompt tokens": FigureName.TOKENS,
    "of them cached": FigureName.TOKENS,
    "Answer tokens": FigureName.TOKENS,
}


def row_detail(
    example: Example | None,
    made: Sequence[Prediction],
    plan: RunPlan,
    documents: Mapping[str, Document],
    origin: Origin,
    *,
    key: str,
) -> None:
    """Show everything about one row: input, target, every variant's answer, prompt and passages.

    Elements get keys that begin with `key`.
    """
    order = {variant.id: index for index, variant in enumerate(plan.variants)}
    made = sorted(made, key=lambda prediction: order.get(prediction.variant_id, 99))
    with st.container(border=True):
        st.caption("Input")
        st.text(visible(example.input) if example else "The task no longer has this row.", width="stretch")
        st.caption("Target")
        st.text(visible(made[0].target), width="stretch")
    variants = {variant.id: variant for variant in plan.variants}
    names = variant_names(plan.variants)

    def marks(figure: FigureName) -> list[Mark]:
        return [mark_of(figure, variants.get(prediction.variant_id), origin) for prediction in made]

    reading = {variant.id for variant in plan.variants if variant.reads_passages}
    frame = answers_frame(made, names, example, documents, reading)
    titles = {name: heading_of_numbers(name, marks(figure)) for name, figure in _MARKED.items()}
    first = ("Outcome", "Answer", "Cause", titles["Whole answer"])
    wide_table(frame.rename(titles), first=first, columns={}, key=f"{key}_answers")
    insides([(_name(prediction, names), prediction) for prediction in made], key=key)


def answers_frame(
    made: Sequence[Prediction],
    names: Mapping[str, str],
    example: Example | None = None,
    documents: Mapping[str, Document] | None = None,
    reading: Container[str] = (),
) -> pl.DataFrame:
    """Return each variant's answer on one row with its times and tokens, all as written on screen.

    If the task marks the passages that contain the answer, each wrong answer of a variant in `reading` comes with its
    cause; those are the ones that fetch passages.
    """
    rows = [
        {
            "Variant": _name(prediction, names),
            "Outcome": _SIGNS[prediction.outcome],
            "Answer": inert(prediction.answer if prediction.answer is not None else prediction.text),
            "Retrieval": say.seconds(prediction.timing.retrieval_s),
            "First word": say.seconds(prediction.timing.ttft_s),
            "Whole answer": say.seconds(prediction.timing.total_s),
            "Prompt tokens": prediction.usage.prompt_tokens,
            "of them cached": prediction.usage.cached_prompt_tokens,
            "Answer tokens": prediction.usage.completion_tokens,
        }
        for prediction in made
    ]
    causes = [
        error_cause(prediction, example, documents or {}, reads_passages=prediction.variant_id in reading)
        if example
        else None
        for prediction in made
    ]
    if any(causes):
        for row, cause in zip(rows, causes, strict=True):
            row["Cause"] = str(cause) if cause else ""
    return pl.DataFrame(rows)


@st.fragment
def insides(made: Sequence[tuple[str, Prediction]], *, key: str) -> None:
    """Show how each answer came about, a tab for each name; only the open tab is worked out and sent.

    Names must differ. Elements get keys that begin with `key`.
    """
    tabs = st.tabs([plain(name) for name, _ in made], key=f"{key}_insides", on_change="rerun")
    for tab, (_, prediction) in zip(tabs, made, strict=True):
        if tab.open:
            with tab:
                _inside(prediction, key=key)


def _inside(prediction: Prediction, *, key: str) -> None:
    """Show how a variant came to its answer: text, probabilities, exact prompt, what was retrieved."""
    if prediction.failure is not None:
        st.error(plain(f"{prediction.failure.kind.value.replace('_', ' ')}: {prediction.failure.message}"))
    if prediction.text:
        st.caption("What the model wrote")
        st.code(visible(prediction.text), language=None, wrap_lines=True)
    if prediction.thinking:
        st.caption(f"What it thought first, in {say.seconds(prediction.timing.thinking_s)}; billed as answer tokens")
        st.code(visible(prediction.thinking), language=None, wrap_lines=True)
    if prediction.probabilities:
        st.caption("Probability of each label, among the task's labels alone")
        names, shares = zip(*prediction.shares, strict=True)
        show_table(
            pl.DataFrame({"Answer": [inert(name) for name in names], "Probability": shares}),
            column_config={"Probability": st.column_config.ProgressColumn(format="%.3f", min_value=0, max_value=1)},
            width="content",
            key=f"{key}_probabilities_{prediction.variant_id}",
        )
    if prediction.prompt:
        st.caption("The exact prompt")
        st.code(
            visible(prediction.prompt),
            language=None,
            wrap_lines=True,
            height="content" if len(prediction.prompt) < _LONG else 320,
        )
    for rank, passage in enumerate(prediction.passages, start=1):
        st.caption(plain(f"Retrieved {rank}: {passage.kind} {passage.source}, score {passage.score:.3f}"))
        st.text(visible(passage.text + (f"\n→ {passage.target}" if passage.target else "")), width="stretch")


def _name(prediction: Prediction, names: Mapping[str, str]) -> str:
    return names.get(prediction.variant_id) or named(
        Technique(prediction.technique), tuned=prediction.variant_id.endswith(TUNED_ENDING)
    )
