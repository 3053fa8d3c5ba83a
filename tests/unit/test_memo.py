"""The memo: one inert file that asks for nothing, whatever the rows say."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from adapters.memo.html import memo_html, memo_markdown
from engine.analysis.costs.break_even import BreakEven
from engine.analysis.memo import MemoContents, gather_memo
from engine.analysis.report import assess
from engine.charts.chart import Axis, Chart, Series
from engine.charts.plotly_form import to_plotly
from engine.charts.svg_form import to_svg
from engine.core.limits import Limits
from engine.core.run.infos import info_of
from engine.core.run.manifest import Conditions, MachineFacts, Manifest, ModelRecord, Purpose
from engine.core.techniques import Technique
from engine.core.variant import Variant
from engine.running.planning import plan_run
from engine.studies.study_runs import aside_in_words
from tests.made_runs import predictions_of, table_of
from tests.memory_lab import HOSTILE, memory_model, memory_task

EVIL = HOSTILE + "</script><script>window.hacked = 2</script>{{ 7 * 7 }} =cmd() | `code` </details></table>"


class Elements(HTMLParser):
    """Gathers elements, their attributes, and the texts of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str, str]] = []
        self.inside: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.inside = dict(attrs).get("type") or "" if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        self.inside = None

    def handle_data(self, data: str) -> None:
        if self.inside is not None:
            self.scripts.append((self.inside, data))


def contents(text: str = "Where is my parcel?", rows: int = 20, answer: str = "") -> MemoContents:
    """Gather the memo of a made-up run."""
    task = memory_task(rows=rows, text=text, title=text[:200], instructions=text)
    plan = plan_run(task, memory_model(), techniques=list(Technique), limit=rows)
    made = predictions_of(plan, task, text=answer)
    if answer:
        made = [replace(item, answer=answer) for item in made]
    table = table_of(plan, made)
    manifest = Manifest(
        plan=plan,
        machine=MachineFacts(cores=2, processor=text),
        versions={"python": text},
        model=ModelRecord(name=text, digest="ab" * 32),
        started_at="2026-11-24T20:05:00+00:00",
        status="done",
    )
    report = assess(plan, task, table, manifest.conditions, Limits())
    return gather_memo(plan.run_id, report, task, table, manifest, made[:6])


def test_nothing_is_asked_for() -> None:
    """No element names an address, and the policy allows the two scripts by their digests and no other source."""
    page = Elements(memo_html(contents()).decode())
    for tag, attributes in page.found:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
        assert not {"src", "href", "onload", "onerror", "onclick"} & set(attributes)
    policy = next(a["content"] or "" for tag, a in page.found if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    script_policy = policy.split("script-src ")[1].split(";")[0]
    assert "unsafe-inline" not in script_policy
    running = [text for kind, text in page.scripts if kind == ""]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in running]
    assert script_policy.split() == [f"'sha256-{digest}'" for digest in digests]


def test_hostile_text_stays_text() -> None:
    """Markup in titles, inputs, answers, machine and versions makes no element and ends no script."""
    plain, evil = Elements(memo_html(contents()).decode()), Elements(memo_html(contents(EVIL, answer=EVIL)).decode())
    # Fewer charts and matrices may stand in it, but never an element that the plain memo lacks.
    kinds = {(tag, *sorted(attributes)) for tag, attributes in plain.found}
    assert {(tag, *sorted(attributes)) for tag, attributes in evil.found} <= kinds
    assert [kind for kind, _text in evil.scripts].count("") == 2
    for kind, text in evil.scripts:
        if kind == "application/json":
            json.loads(text)
    page = memo_html(contents(EVIL, answer=EVIL)).decode()
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "{{ 7 * 7 }}" in page


def test_all_rows_and_figures_are_in_it() -> None:
    """Every row stands behind a fold with every answer, and verdict, method, assumptions and digests are there."""
    memo = contents(rows=15)
    page = memo_html(memo).decode()
    assert all(row.example_id in page for row in memo.rows)
    assert page.count("<details><summary><span") == 15
    for word in ("What would change this", "Method", "Assumptions", "Leak guard", "ab" * 32, "Every pair", "Classes"):
        assert word in page
    assert len(memo.rows[0].answers) == 6


def test_a_p95_of_few_rows_has_no_upper_end() -> None:
    """20 rows bound no p95 from above; 80 do."""
    assert " or more</td>" in memo_html(contents(rows=20)).decode()
    assert " or more</td>" not in memo_html(contents(rows=80)).decode()


def test_a_script_less_reader_sees_every_chart() -> None:
    """Each interactive chart has its static picture with a text alternative, and the figures behind it."""
    memo = contents()
    page = memo_html(memo).decode()
    assert page.count('<svg xmlns="http://www.w3.org/2000/svg"') == len(memo.charts) >= 4
    assert page.count('class="picture"><title>') == len(memo.charts)
    assert page.count("The figures</summary>") == len(memo.charts)


def test_markdown_is_inert_too() -> None:
    """No cell of the Markdown memo opens a link, a heading, markup or a further column."""
    page = memo_markdown(contents(EVIL, answer=EVIL)).decode()
    assert "<script" not in page.replace("\\<", "")
    assert not re.search(r"(?<!\\)\]\(", page)
    tables = [line for line in page.splitlines() if line.startswith("| test")]
    columns = {len(re.findall(r"(?<!\\)\|", line)) for line in tables}
    assert len(columns) == 1


def test_a_run_without_an_answer_has_a_memo() -> None:
    """A run that was stopped before its first row becomes a memo that says so."""
    task = memory_task(rows=3)
    plan = plan_run(task, memory_model(), techniques=[Technique.RAG], limit=3)
    table = table_of(plan, [])
    report = assess(plan, task, table, Conditions(), Limits())
    memo = gather_memo(plan.run_id, report, task, table, Manifest(plan=plan), [])
    assert "No answers" in memo_html(memo).decode()
    assert "No answers" in memo_markdown(memo).decode().replace("\\", "")


def test_the_same_run_gives_the_same_memo() -> None:
    """A memo has no time of its own in it: written twice it is the same file."""
    memo = contents()
    assert memo_html(memo) == memo_html(memo)


@pytest.mark.parametrize("log", [True, False])
def test_pictures_and_figures_take_odd_data(log: bool) -> None:
    """One point, equal points and names with markup are drawn by both forms, in bounds and as text."""
    series = Series(name="<b>&x", colour="rag", x=(1.0,), y=(0.5,), low=(0.5,), high=(0.5,), labelled=True)
    chart = Chart(
        title="t",
        caption="c",
        alt="<i>",
        x=Axis(title="<x>", log=log),
        y=Axis(title="y"),
        series=(series,),
        legend=True,
    )
    picture, figure = to_svg(chart), to_plotly(chart)
    assert "<b>" not in picture
    assert "&lt;b&gt;&amp;x" in picture
    assert "nan" not in picture.lower()
    assert "<b>" not in json.dumps([figure["layout"], figure["data"][0]["hovertemplate"], figure["data"][0]["text"]])


def test_a_tuned_variant_in_print_looks_like_no_default_one() -> None:
    """Without colour, too: its dash and its marker are those of no variant with default settings."""
    looks = {}
    for variant in [
        Variant(id=f"{name}{tuned}", technique=name, tuned=tuned) for name in Technique for tuned in (0, 1)
    ]:
        style = variant.style
        line = Series(
            name="", colour="muted", x=(0.2, 0.8), y=(0.5, 0.5), line=True, dash=style.dash, symbol=style.symbol
        )
        drawn = to_svg(Chart(title="t", caption="c", alt="a", x=Axis(title="x"), y=Axis(title="y"), series=(line,)))
        (made,) = re.findall(r'<g><polyline[^>]*?(?: stroke-dasharray="([^"]*)")?/>(<.*?)</g>', drawn)
        looks[variant.id] = made
    tuned = {look for name, look in looks.items() if name.endswith("1")}
    default = {look for name, look in looks.items() if name.endswith("0")}
    assert len(default) == len(Technique)
    assert not {dash for dash, _marker in tuned} & {dash for dash, _marker in default}
    assert not {marker for _dash, marker in tuned} & {marker for _dash, marker in default}


def test_texts_run_as_their_letters_do() -> None:
    """Inputs, answers, prompts and instructions say dir="auto": an Arabic row begins at the right."""
    page = memo_html(contents("فاتورتي خاطئة", answer="فاتورة")).decode()
    elements = Elements(page)
    texts = [
        attributes
        for tag, attributes in elements.found
        if tag == "pre" or "text" in (attributes.get("class") or "").split()
    ]
    assert len(texts) > 5
    assert all(attributes.get("dir") == "auto" for attributes in texts)
    assert "<bdi>فاتورتي خاطئة" in page or "· <bdi>" in page
    assert "<h1><bdi>فاتورتي خاطئة</bdi>: what to choose</h1>" in page


def test_names_of_markers_stay_inside_the_memo_s_charts() -> None:
    """A marker near the right edge has its name on the left: the memo's charts are narrower than the app's."""
    chart = Chart(
        title="t",
        caption="c",
        alt="a",
        x=Axis(title="x", low=0, high=1),
        y=Axis(title="y", low=0, high=1),
        series=(Series(name="RAG", colour="rag", x=(0.95,), y=(0.5,), size=(26.0,), labelled=True),),
    )
    written = memo_html(replace(contents(), charts=(chart,))).decode()
    figure = next(json.loads(text) for kind, text in Elements(written).scripts if kind == "application/json")
    assert figure["data"][0]["textposition"] == "middle left"


@pytest.mark.parametrize("write", [memo_html, memo_markdown])
def test_a_memo_says_how_whole_its_run_is_and_what_it_is_of(write: Callable[[MemoContents], bytes]) -> None:
    """A stopped run's memo says so beside its rows, and a drift run's that it is not the task's and has no verdict."""
    task = memory_task()
    plan = plan_run(task, memory_model(), techniques=list(Technique), limit=20)
    table = table_of(plan, predictions_of(plan, task)[:34])
    report = assess(plan, task, table, Conditions(), Limits())
    manifest = Manifest(plan=plan, status="cancelled", purpose=Purpose.DRIFT, split="drift")
    aside = aside_in_words(info_of(manifest, 34))
    page = write(gather_memo("r1", report, task, table, manifest, [], aside=aside)).decode().replace("\\", "")
    assert "20 rows, 34 of 120 answers, stopped" in page
    assert "test rows, 34" not in page
    assert page.index("Drift rows: not the task") < page.index("A verdict is about a comparison on the task")
    for words in (report.verdict.headline[:20], "Next: ", "What would change this", "what to choose"):
        assert words not in page
    assert all(f"{item.quality.value:.0%}".replace("%", " %") in page for item in report.figures)
    whole = write(contents()).decode().replace("\\", "")
    assert "20 test rows, 120 answers" in whole
    assert "A verdict is about" not in whole


def test_a_memo_rounds_a_break_even_as_the_verdict_does() -> None:
    """The volume is the one of verdict, chart and table; one under a call a month is "any volume"."""
    point = BreakEven(dearer_at_first="b", cheaper_at_first="a", calls_per_month=73_035.4, total_usd=1.0)
    page = memo_html(replace(contents(), break_evens=(point, replace(point, calls_per_month=0.3)))).decode()
    assert "From 73,000 calls a month (est.) b costs less than a." in page
    assert "At any volume (est.) b costs less than a." in page


@pytest.mark.parametrize("write", [memo_html, memo_markdown])
def test_one_variant_one_row_and_one_month_are_said_so(write: Callable[[MemoContents], bytes]) -> None:
    """A run of one variant on one row took no turns and has no pairs, no best and no draw; one of each is one of each."""
    task = memory_task(rows=1)
    plan = replace(plan_run(task, memory_model(), techniques=[Technique.ZERO_SHOT], limit=1), train_ids=())
    table = table_of(plan, predictions_of(plan, task))
    report = assess(plan, task, table, Conditions(), Limits(months=1, calls_per_month=1))
    memo = gather_memo("r1", report, task, table, Manifest(plan=plan, status="done"), [])
    page = write(memo).decode().replace("\\", "")
    assert "1 test row, 1 answer, 0 training rows" in page
    assert "1 variant answered 1 test row, without training rows, with seed 0 and" in page
    assert "over 1 month at 1 call a month" in page
    assert "1 a month over 1 month" in page
    for word in ("took turns", "Pairs were", "Every pair", "its selection as the best", "Another choice of training"):
        assert word not in page
    spare = replace(plan, train_ids=("train-000",))
    memo = gather_memo("r1", assess(spare, task, table, Conditions(), Limits()), task, table, memo.manifest, [])
    assert "without training rows" in write(memo).decode(), "a bare prompt learns from none"
    two = write(contents()).decode()
    assert "15 pairs" in two
    for word in ("took turns", "Every pair", "its selection as the best", "Another choice of training"):
        assert word in two
