"""What a figure is: one rule, one word, and the same mark wherever the figure is shown."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from dataclasses import replace

import pytest
from rich.console import Console

from adapters.memo.html import memo_html, memo_markdown
from adapters.models.scripted import CAPABILITIES, FACTS
from adapters.tabular.export import SCHEMA
from engine.analysis.costs.cost_charts import cost_chart
from engine.analysis.marks import (
    COMPUTED,
    HERE,
    PREDICTION_COLUMNS,
    FigureName,
    Origin,
    mark_of,
    mark_of_item,
    origin_at,
    origin_of,
    prediction_marks,
    price_marks,
)
from engine.analysis.memo import MemoContents, closed_costs, gather_memo
from engine.analysis.report import Report, assess
from engine.analysis.report_charts import latency_chart
from engine.analysis.summary import summarize
from engine.analysis.tradeoff import tradeoff_chart
from engine.charts.plotly_form import to_plotly
from engine.charts.svg_form import to_svg
from engine.core.limits import Limits
from engine.core.prices import TokenPrices
from engine.core.run.manifest import Conditions, Manifest, ModelRecord, manifest_from_dict
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction
from engine.core.task import MADE_FROM
from engine.core.techniques import Technique
from engine.core.variant import ShotChoice, Variant
from engine.metrics.marks import SENTENCES, SIGNS, Mark, cell, foremost, heading, heading_of_numbers, legend, marked
from engine.running.planning import plan_run
from engine.services.recorded import fold
from terminal.listings.results import results
from terminal.progress import progress_display
from tests.made_runs import predictions_of, table_of
from tests.memory_lab import memory_model, memory_task

LLM = Variant(id="rag", technique=Technique.RAG)
CLASSIFIER = Variant(id="classifier", technique=Technique.CLASSIFIER)
SERVER = Origin(server=True, server_timings=True)
PRICES = TokenPrices(source="maker/m", input_usd=1.0, cached_input_usd=0.5, output_usd=2.0)
TASK = memory_task(rows=20)
F = FigureName


@pytest.mark.parametrize(
    ("figure", "variant", "origin", "mark"),
    [
        (F.QUALITY, LLM, HERE, Mark.MEASURED),
        (F.TOTAL, LLM, SERVER, Mark.MEASURED),
        (F.TTFT, LLM, SERVER, Mark.MEASURED),
        (F.TOKENS, LLM, HERE, Mark.MEASURED),
        (F.TOKENS, LLM, SERVER, Mark.SERVER),
        (F.TOKENS, CLASSIFIER, SERVER, Mark.MEASURED),
        (F.CONFIDENCE, LLM, SERVER, Mark.SERVER),
        (F.DECODE, LLM, SERVER, Mark.SERVER),
        (F.DECODE, LLM, Origin(server=True), Mark.MEASURED),
        (F.COST, LLM, HERE, Mark.ESTIMATED),
        (F.COST, LLM, SERVER, Mark.ESTIMATED),
        (F.COST, LLM, Origin(server=True, paid_by_token=True), Mark.SERVER),
        (F.COST, CLASSIFIER, Origin(server=True, paid_by_token=True), Mark.ESTIMATED),
        (F.ENERGY, LLM, HERE, Mark.ESTIMATED),
        (F.MEMORY, LLM, HERE, Mark.SHARED),
        (F.MEMORY, LLM, Origin(server=True), Mark.SERVER),
        (F.MEMORY, replace(LLM, shots_k=2, shot_choice=ShotChoice.NEAREST), Origin(server=True), Mark.SHARED),
        (F.MEMORY, LLM, Origin(imported=True), Mark.SHARED),
        (F.PREPARE, LLM, HERE, Mark.MEASURED),
        (F.PREPARE, LLM, Origin(imported=True), Mark.IMPORTED),
        (F.QUALITY, LLM, Origin(simulated=True), Mark.SIMULATED),
        (F.QUALITY, LLM, Origin(simulated=True, imported=True), Mark.SIMULATED),
        (F.TOKENS, LLM, Origin(simulated=True), Mark.SIMULATED),
        (F.COST, LLM, Origin(simulated=True), Mark.ESTIMATED),
        (F.MEMORY, LLM, Origin(simulated=True), Mark.SHARED),
        (F.BREAK_EVEN, None, HERE, Mark.ESTIMATED),
        (F.TOTAL_COST, CLASSIFIER, Origin(imported=True), Mark.ESTIMATED),
        (F.CLOSED_COST, LLM, SERVER, Mark.ESTIMATED),
    ],
)
def test_the_rule(figure: FigureName, variant: Variant | None, origin: Origin, mark: Mark) -> None:
    """Each figure is what it is, by who measured, told or computed it."""
    assert mark_of(figure, variant, origin) is mark


def test_measured_energy_is_no_estimate() -> None:
    """What the processor counted needs no sign."""
    assert mark_of(F.ENERGY, LLM, energy_measured=True) is Mark.MEASURED


def test_every_mark_but_measured_has_a_sign_and_all_have_a_sentence() -> None:
    """The rule needs no sign; the exceptions have one each, and no two the same."""
    assert set(SIGNS) == set(Mark) - {Mark.MEASURED}
    assert len(set(SIGNS.values())) == len(SIGNS)
    assert set(SENTENCES) == set(Mark)


def test_a_mark_is_written_once() -> None:
    """On the heading where all figures of a column have it, else beside each figure, and never beside none at all."""
    assert marked("0.4 ¢", Mark.ESTIMATED) == "0.4 ¢ (est.)"
    assert marked("total (log)", Mark.ESTIMATED) == "total (log, est.)"
    assert [marked(nothing, Mark.SHARED) for nothing in ("", "\N{EN DASH}")] == ["", "\N{EN DASH}"]
    same, mixed = [Mark.SHARED] * 2, [Mark.ESTIMATED, Mark.SERVER]
    assert (heading("Memory", same), cell("9 MB", Mark.SHARED, same)) == ("Memory (shared)", "9 MB")
    assert (heading("Cost", mixed), cell("1 ¢", Mark.SERVER, mixed)) == ("Cost", "1 ¢ (server's)")
    assert heading_of_numbers("Cost", mixed) == "Cost (est. or server's)"
    assert heading_of_numbers("Tokens", [Mark.MEASURED, Mark.SERVER]) == "Tokens (partly server's)"
    assert heading_of_numbers("p95", []) == "p95"
    assert foremost([Mark.MEASURED, Mark.IMPORTED, Mark.SHARED]) is Mark.SHARED
    assert legend([Mark.MEASURED]) == ""
    assert "shared: of processes" in legend(same)
    assert "est." not in legend(same)


def test_where_a_run_comes_from() -> None:
    """A run says whether it was imported, which rows it is on, whether tokens are paid for, and what a server told."""
    plan = plan_run(TASK, memory_model(), techniques=[Technique.RAG], limit=2)
    manifest = Manifest(plan=plan)
    assert origin_of(plan, manifest.conditions) == HERE
    assert origin_of(plan, replace(manifest, imported=True).conditions).imported
    assert origin_of(replace(plan, task_id=f"t{MADE_FROM}typos"), Conditions()) == Origin(simulated=True)
    scripted = replace(manifest, model=ModelRecord(backend=FACTS.backend))
    assert origin_of(plan, scripted.conditions) == Origin(simulated=True)
    assert origin_at(FACTS, CAPABILITIES) == Origin(simulated=True)
    assert origin_of(replace(plan, prices=PRICES), Conditions()) == Origin(server=True, paid_by_token=True)
    at_server = replace(manifest, model=ModelRecord(backend="vllm", server=True))
    assert origin_of(plan, at_server.conditions) == Origin(server=True)


@pytest.mark.parametrize(
    ("backend", "server", "timings"),
    [("llama.cpp", False, False), ("ollama", True, True), ("llama-server", True, True), ("closed API", True, False)],
)
def test_runs_that_did_not_note_it_say_it_by_their_backend(backend: str, server: bool, timings: bool) -> None:
    """A run kept before servers were noted is marked as a new one is."""
    data = Manifest(plan=plan_run(TASK, memory_model(), techniques=[Technique.RAG], limit=2)).to_dict()
    data["model"] = {"backend": backend}
    found = manifest_from_dict(data).model
    assert (found.server, found.server_timings) == (server, timings)


class Made:
    """A made-up run in all its forms."""

    def __init__(self, *, priced: bool = False, **changes: object) -> None:
        """Answer every row by every technique; changes are those of the manifest."""
        self.plan: RunPlan = plan_run(TASK, memory_model(), techniques=list(Technique), limit=20)
        if priced:
            self.plan = replace(self.plan, prices=PRICES)
        self.manifest = replace(Manifest(plan=self.plan, status="done"), **changes)  # type: ignore[arg-type]
        self.made: list[Prediction] = predictions_of(self.plan, TASK)
        self.table = table_of(self.plan, self.made)
        self.report: Report = assess(self.plan, TASK, self.table, self.manifest.conditions, Limits())
        self.summary = summarize(self.report, TASK, self.made, self.manifest)

    @property
    def memo(self) -> MemoContents:
        """Its memo."""
        return gather_memo(self.plan.run_id, self.report, TASK, self.table, self.manifest, self.made[:6])

    def at_a_terminal(self) -> str:
        """Draw the live table at its end."""
        console = Console(width=160, file=io.StringIO(), force_terminal=True)
        with progress_display(fold(self.manifest, self.made), console):
            pass
        return console.file.getvalue()


def test_the_mark_of_a_cost_is_what_the_figures_say() -> None:
    """The mark agrees with `cost_estimated`, however tokens are paid for, and the summary lists the same estimates."""
    for made in (Made(), Made(priced=True)):
        for item, written in zip(made.report.figures, made.summary["variants"], strict=True):
            mark = mark_of_item(F.COST, item, made.report.origin)
            assert (mark is Mark.ESTIMATED) == item.cost_estimated
            assert written["marks"]["cost_usd_per_1k"] == mark
            assert written["estimated"] == [name for name, told in written["marks"].items() if told == "estimated"]
            told = made.report.origin.server and item.variant.generates and not item.variant.embeds
            assert written["marks"]["peak_rss_bytes"] == ("server" if told else "shared")
            assert set(written["marks"]) <= set(written)


def test_the_terminal_marks_costs_and_memory() -> None:
    """The live table and the results say est. and shared in the heading, and beside each figure where they differ."""
    plain, priced = Made(), Made(priced=True)
    assert "per 1,000 (est.)" in plain.at_a_terminal()
    assert "per 1,000 (est.)" not in priced.at_a_terminal()
    assert "(server's)" in priced.at_a_terminal()
    headings = [column.heading for column in results(plain.summary).columns]
    assert {"per 1,000 (est.)", "memory (shared)", "p95", "first word"} <= set(headings)
    listing = results(priced.summary)
    place = [column.heading for column in listing.columns].index("per 1,000")
    assert [row[place].rpartition(" ")[2] for row in listing.rows] == ["(server's)"] * 5 + ["(est.)"]


def test_charts_say_it_on_the_axis_and_under_the_pointer() -> None:
    """The pointer over a marker tells what its cost is; an axis of money or of another machine's seconds says so."""
    plain, imported = Made(), Made(imported=True)
    hovers = [
        trace["hovertemplate"]
        for trace in to_plotly(tradeoff_chart(plain.report.figures, plain.report.origin))["data"]
        if "per 1,000" in trace["hovertemplate"]
    ]
    assert len(hovers) == 6
    assert all("per 1,000 (est.)" in hover for hover in hovers)
    chart = tradeoff_chart(imported.report.figures, imported.report.origin)
    assert (chart.x.title, chart.y.title) == ("p95 seconds per answer (log, imported)", "Quality (imported)")
    assert "size = cost (est.)" in chart.caption
    local = [(item.cost, item.variant) for item in plain.report.figures]
    assert cost_chart(local, closed_costs(plain.report), Limits()).y.title == "total, USD (log, est.)"


def test_seconds_that_a_server_told_are_its_own() -> None:
    """Reading and writing are the server's seconds, search and the whole answer ours."""
    made = Made(model=ModelRecord(backend="ollama", server=True, server_timings=True))
    names = [series.name for series in latency_chart(made.report).series]
    assert names == ["retrieval", "reading the prompt (server's)", "writing (server's)", "other"]


def test_the_memo_marks_its_tables() -> None:
    """Both forms of the memo carry the marks in their headings, and say what they mean."""
    made = Made()
    page, text = memo_html(made.memo).decode(), memo_markdown(made.memo).decode().replace("\\", "")
    for shown in (page, text):
        for words in ("er 1,000 (est.)", "nergy per 1,000 (est.)", "otal (est.)", "Unmarked: timed or counted here"):
            assert words in shown
    assert "Peak memory (shared)" in page
    assert "First word (imported)" in memo_html(Made(imported=True).memo).decode()
    priced = memo_html(Made(priced=True).memo).decode()
    assert "¢ (server&#39;s)" in priced
    assert "¢ (est.)" in priced


def test_exported_predictions_say_what_their_columns_hold() -> None:
    """Marks name columns of the schema; the price of a call is no column, and what is computed is none either."""
    assert set(PREDICTION_COLUMNS) <= set(SCHEMA)
    assert not COMPUTED & set(PREDICTION_COLUMNS.values())
    assert prediction_marks(LLM, SERVER)["prompt_tokens"] is Mark.SERVER
    assert prediction_marks(LLM, SERVER)["decode_s"] is Mark.SERVER
    assert prediction_marks(LLM, HERE)["energy_wh"] is Mark.MEASURED
    assert prediction_marks(CLASSIFIER, SERVER)["prompt_tokens"] is Mark.MEASURED


def test_prices_of_closed_apis_follow_those_of_the_variants() -> None:
    """On the page of costs the prices of the same tokens elsewhere are estimates, those paid here are not."""
    report = Made(priced=True).report
    marks = price_marks(report.figures, report.origin, closed=2)
    assert marks == (Mark.SERVER,) * 5 + (Mark.ESTIMATED,) * 3
    assert json.loads(json.dumps([str(mark) for mark in marks]))[-1] == "estimated"


def test_closed_apis_can_be_told_apart_in_a_printed_legend() -> None:
    """Each of the four has a dash of its own, on its line and in its sample in the legend."""
    made = Made()
    local = [(item.cost, item.variant) for item in made.report.figures[:1]]
    drawn = to_svg(cost_chart(local, closed_costs(made.report)[:4], Limits()))
    dashes = Counter(re.findall(r'stroke-dasharray="([\d ]+)"', drawn))
    assert len({dash for dash, times in dashes.items() if times >= 2}) >= 4
