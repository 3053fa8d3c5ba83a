"""Two runs side by side, on the rows that both answered; and one task's techniques across models."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import streamlit as st

from components.rows.browser import Rows, row_browser
from components.rows.row_detail import row_detail
from components.ui import state
from components.ui.errors import faults_told
from components.ui.run_data import known_task, measured_of, plan_of, run_labels, table_of
from components.ui.text import plain, visible
from components.widgets.chart_card import chart_card
from components.widgets.differences import difference_columns
from components.widgets.tables import show_table
from engine.analysis.basis.wholeness import answers_in_words
from engine.analysis.marks import FigureName, mark_of
from engine.analysis.row_filter import facets
from engine.analysis.row_grid import GridColumn, grid_columns
from engine.analysis.run_comparison import (
    VariantChange,
    across_models,
    change_facet,
    compare_runs,
    in_first,
    in_second,
    in_words,
    paired_table,
    portability_grid,
)
from engine.core.errors import AdaptLabError
from engine.core.run.infos import RunInfo
from engine.core.run.standing import is_comparison
from engine.core.variant import variant_names
from engine.metrics import wording as say
from engine.metrics.marks import marked
from engine.services.lab import Lab

_MOST_RUNS = 30
_RUN, _AGAINST = "Run", "Against"
"""What the two runs are called, as in the two fields above the table."""


def compare_two(lab: Lab, runs: Sequence[RunInfo]) -> None:
    """Let the user choose two runs of one task and show what changed from the first to the second."""
    able = {info.run_id: info for info in runs if info.rows_done}
    if len(able) < 2:
        st.caption("This needs two runs with answers.")
        return
    # Comparisons first: a run of a study seldom has rows and variants in common with others.
    names, labels = sorted(able, key=lambda name: not is_comparison(able[name])), run_labels(able, _entry)
    left, right = st.columns(2)
    second = left.selectbox("Run", names, format_func=labels.__getitem__, key="pair_second")
    same_task = [name for name in names if name != second and able[name].task_id == able[second].task_id]
    if not same_task:
        right.caption("No other run of this task has answers.")
        return
    fitting = (place for place, name in enumerate(same_task) if _can_be_compared(lab, able[name], able[second]))
    first = right.selectbox(
        "against",
        same_task,
        index=next(fitting, None),
        placeholder="Choose a run",
        format_func=labels.__getitem__,
        key=f"pair_first_{second}",
    )
    if first is None:
        st.caption("No other run answered the same rows with the same variants.")
        return
    plans = plan_of(lab, able[first]), plan_of(lab, able[second])
    known = variant_names(plans[1].variants)
    before = {variant.id: variant for variant in plans[0].variants}
    # A tuned variant has the settings that its own run found: two are the same only where these are.
    shared = [
        variant.id
        for variant in plans[1].variants
        if variant.id in before and (not variant.tuned or before[variant.id] == variant)
    ]
    if not shared:
        st.caption("The two runs have no variant in common.")
        return
    try:
        changes = compare_runs(table_of(lab, able[first]), table_of(lab, able[second]), shared)
    except AdaptLabError as error:
        st.info(f"{plain(error.what)} {plain(error.fix)}", icon=":material/compare_arrows:")
        return
    if lab.results.is_outdated(first) != lab.results.is_outdated(second):
        st.caption("The task, or how its answers are scored, changed between these two runs.")
    show_table(
        changes_frame(changes, known),
        column_config={
            "Run": st.column_config.TextColumn(_headed("Run", lab, second)),
            "against": st.column_config.TextColumn(_headed("against", lab, first)),
            "Change": st.column_config.NumberColumn(
                format="%+.1f points", help="Quality of the run minus that of the run it is compared with."
            ),
            **difference_columns("change"),
        },
        key="pair_table",
    )
    rows = max((change.difference.rows for change in changes), default=0)
    told = [known[change.variant_id] for change in changes if change.difference.significant]
    verdict = f"Significant for {', '.join(told)}." if told else "No change is significant."
    st.caption(plain(f"Paired on the {say.number(rows)} rows that both have. {verdict}"))
    st.fragment(faults_told(_pair_rows))(lab, able[first], able[second], shared)


def _pair_rows(lab: Lab, first: RunInfo, second: RunInfo, shared: Sequence[str]) -> None:
    """Show the rows that both runs answered, each variant in the run and in the one that it is compared with."""
    table = paired_table(table_of(lab, first), table_of(lab, second), shared)
    plan = plan_of(lab, second)
    task = known_task(lab, plan.task_id)
    documents = {document.name: document for document in task.documents} if task else {}
    columns = [
        GridColumn(variant_id=side(one.variant_id), name=f"{one.name}, {words.lower()}", light=one.light, dark=one.dark)
        for one in grid_columns([variant for variant in plan.variants if variant.id in shared])
        for side, words in ((in_second, _RUN), (in_first, _AGAINST))
    ]
    rows = Rows(table=table, columns=tuple(columns), task=task, by=(change_facet(table, shared), *facets(table, task)))
    key = f"pair_rows_{first.run_id}_{second.run_id}"

    def detail(row: int) -> None:
        tabs = st.tabs([_RUN, _AGAINST])
        for tab, info in zip(tabs, (second, first), strict=True):
            found = lab.results.predictions_of(info.run_id, table.example_ids[row])
            made = [one for one in found if one.variant_id in shared]
            with tab:
                origin = lab.results.origin(info.run_id)
                row_detail(rows.example(row), made, plan_of(lab, info), documents, origin, key=f"pair_{info.run_id}")

    row_browser(rows, detail, key=key, opened_key=state.PAIR_ROW)


def _can_be_compared(lab: Lab, one: RunInfo, other: RunInfo) -> bool:
    first, second = plan_of(lab, one), plan_of(lab, other)
    alike = {variant.id for variant in first.variants} & {variant.id for variant in second.variants}
    return bool(alike and set(first.test_ids) & set(second.test_ids))


def _headed(title: str, lab: Lab, run_id: str) -> str:
    """Write the heading of a run's quality with its mark."""
    return marked(title, mark_of(FigureName.QUALITY, origin=lab.results.origin(run_id)))


def changes_frame(changes: Sequence[VariantChange], names: dict[str, str]) -> pl.DataFrame:
    """Return one row per variant."""
    return pl.DataFrame(
        [
            {
                "Variant": visible(names[change.variant_id]),
                "Run": say.share(change.second),
                "against": say.share(change.first),
                "Change": change.difference.effect.value * 100,
                "95 % low": change.difference.effect.low * 100,
                "95 % high": change.difference.effect.high * 100,
                "p (Holm)": change.difference.p_holm,
                "Significant": "yes" if change.difference.significant else "no",
                "Rows still needed": change.difference.rows_to_settle,
                "Rows": change.difference.rows,
            }
            for change in changes
        ],
        schema_overrides={"Rows still needed": pl.Int64},
    )


def portability(lab: Lab, runs: Sequence[RunInfo]) -> None:
    """Show models by techniques for one task, from the newest finished comparisons."""
    done = [info for info in runs if is_comparison(info) and info.status == "done" and info.rows_done]
    tasks = list(dict.fromkeys(info.task_id for info in done))
    if not tasks:
        st.caption("This needs a finished comparison.")
        return
    task_id = st.selectbox("Task", tasks, format_func=visible, key="portability_task")
    chosen = [info for info in done if info.task_id == task_id][:_MOST_RUNS]
    tables = [(plan_of(lab, info), *measured_of(lab, info)) for info in chosen]
    names = {model.id: model.name for model in lab.models.list()}
    table = across_models(tables)
    chart_card(portability_grid(table, names), key="portability", height=150 + 46 * len(table.models))
    if len(table.models) > 1:
        for line in in_words(table, names):
            st.caption(plain(line))


def _entry(info: RunInfo) -> str:
    note = f" · {visible(info.note)[:40]}" if info.note else ""
    return (
        f"{say.when(info.started_at)} · {visible(info.task_id)} · {visible(info.model_id)} · seed {info.seed} · "
        f"{answers_in_words(info)}{note}"
    )
