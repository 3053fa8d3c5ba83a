"""The context: passages in number, and the supporting one at each place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.storage.task_folder import read_task, write_task
from engine.analysis.marks import Origin
from engine.analysis.report import assess
from engine.analysis.run_table import RunTable
from engine.core.errors import UsageError
from engine.core.limits import Limits
from engine.core.run.manifest import Conditions
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Passage
from engine.core.task import Document, Task
from engine.core.variant import DecodingMode
from engine.running.prompting import build_prompt
from engine.studies.context import (
    PLACES,
    Found,
    context_task,
    number_plans,
    number_words,
    place_gaps,
    place_plans,
    place_words,
    sections,
    supported_rows,
)
from engine.studies.context_charts import number_chart, place_chart
from tests.made_runs import answered
from tests.memory_lab import memory_model, memory_task

DOCUMENTS = tuple(
    Document(
        name=f"doc-{n}.md", text=f"# Title {n}\n\nBegin.\n\n## Part one\n\nFact {n}.\n\n## Part two\n\nOther {n}.\n"
    )
    for n in range(4)
)


def marked_task(rows: int = 24) -> Task:
    """Build a task whose test rows mark the passage that supports them."""
    task = memory_task(rows=rows)
    examples = tuple(
        replace(e, metadata={"supporting": [{"document": f"doc-{n % 4}.md", "passage": f"Fact {n % 4}."}]})
        if e.split == "test"
        else e
        for n, e in enumerate(task.examples)
    )
    return replace(task, examples=examples, documents=DOCUMENTS)


def test_documents_are_cut_at_their_headings() -> None:
    """Each part begins with the headings above it, and no text is lost."""
    found = sections(DOCUMENTS[:1])
    assert [section.text.splitlines()[0] for section in found] == [
        "Title 0",
        "Title 0 > Part one",
        "Title 0 > Part two",
    ]
    assert "Fact 0." in found[1].text


@pytest.mark.parametrize("place", PLACES)
def test_the_supporting_passage_stands_where_it_should(place: str) -> None:
    """Of five passages it is the first, the third or the last; the others are the same at every place."""
    task = marked_task()
    made = context_task(task, passages=5, place=place)
    for (example, holder), row in zip(supported_rows(task), made.split("test"), strict=True):
        parts = row.input.split("\n\n")
        assert parts[-1] == example.input
        assert parts.index(holder.text) == {"first": 0, "middle": 2, "last": 4}[place]
        assert len(parts) == 6
    others = [{*row.input.split("\n\n")} for row in context_task(task, passages=5, place="first").split("test")]
    assert [{*row.input.split("\n\n")} for row in made.split("test")] == others


def test_the_prompt_is_the_one_of_retrieval() -> None:
    """A bare prompt on such a row is to the letter what RAG sends with these passages in this order."""
    task = marked_task()
    made = context_task(task, passages=3, place="middle").split("test")[0]
    *texts, question = made.input.split("\n\n")
    passages = [Passage(id=str(n), kind="document", text=text, score=1.0) for n, text in enumerate(texts)]
    assert build_prompt(task, made.input) == build_prompt(task, question, passages=passages)


def test_such_a_task_is_kept_and_read_again(tmp_path: Path) -> None:
    """Written as a folder it is read back the same."""
    made = context_task(marked_task(), passages=2, place="last")
    write_task(made, tmp_path / made.id)
    read = read_task(tmp_path / made.id)
    assert (read.id, read.examples, read.documents) == (made.id, made.examples, ())


def test_what_cannot_be_made_is_told() -> None:
    """No marked passage, too many passages, or no such place is an error with its fix."""
    for task, passages, place in (
        (memory_task(), 2, "first"),
        (marked_task(), 100, "first"),
        (marked_task(), 2, "upstairs"),
    ):
        with pytest.raises(UsageError) as error:
            context_task(task, passages=passages, place=place)
        assert error.value.fix


def figures(plan: RunPlan, task: Task, table: RunTable) -> Found:
    """Assess a run of one variant."""
    report = assess(plan, task, table, Conditions(cores=2), Limits())
    return report.figures[0], report.origin


def test_lost_in_the_middle_is_found() -> None:
    """A place at which far fewer questions are answered is named with its loss; places alike are not."""
    made = place_plans(marked_task(60), memory_model(), passages=4, rows=60, decoding=DecodingMode.FREE)
    tasks, plans = ({place: pair[at] for place, pair in made.items()} for at in (0, 1))
    assert {plan.test_ids for plan in plans.values()} == {plans["first"].test_ids}
    assert {place: plan.task_id for place, plan in plans.items()} == {place: task.id for place, task in tasks.items()}
    shares = {"first": 0.9, "middle": 0.4, "last": 0.85}
    tables = {place: answered(plan, tasks[place], shares[place]) for place, plan in plans.items()}
    told = place_words(place_gaps(tables), 4).text
    assert "highest with the answer first" in told
    assert "it is 50 points (" in told
    assert ") lower with it in the middle." in told
    assert "last" not in told
    chart = place_chart({place: figures(plans[place], tasks[place], tables[place]) for place in PLACES}, 4)
    assert [row["place"] for row in chart.table()] == list(PLACES)
    assert chart.y.title == "quality (sim.)"
    alike = dict.fromkeys(PLACES, tables["first"])
    assert "no significant difference" in place_words(place_gaps(alike), 4).text


def test_more_passages_and_what_they_cost() -> None:
    """The best number is named with its interval, and the price of the most beside that of the fewest."""
    task = marked_task(40)
    plans = number_plans(task, memory_model(), sizes=(1, 4), rows=40, decoding=DecodingMode.FREE)
    assert [plan.variants[0].retrieval.passages_k for plan in plans.values() if plan.variants[0].retrieval] == [1, 4]
    found = {size: figures(plan, task, answered(plan, task, 0.5 + size / 10)) for size, plan in plans.items()}
    told = number_words(found).text
    assert "highest at 4 passages: 90 %" in told
    assert "4 passages take" in told
    assert told.count("(est.) per 1,000 answers") == 1
    assert told.endswith("(est.).")
    assert len(number_chart(found, latency=True).table()) == 2
    assert number_chart(found, latency=False).y.title == "quality"
    alone = number_words({4: found[4]}).text
    assert alone.startswith("Quality is highest at 4 passages")
    assert "times as long" not in alone  # there is nothing to compare it with yet
    found[4] = found[4][0], Origin(imported=True)
    assert number_chart(found, latency=True).y.title == "p50 seconds per answer (partly imported)"


def test_equal_numbers_and_unknown_prices_are_said_so() -> None:
    """Where all numbers of passages are equal none is the highest; a price that is not known is not compared."""
    task = marked_task(40)
    plans = number_plans(task, memory_model(), sizes=(1, 4, 8), rows=40, decoding=DecodingMode.FREE)
    found = {size: figures(plan, task, answered(plan, task, 0.5)) for size, plan in plans.items()}
    assert number_words(found).text.startswith("Quality is the same at 1, 4 and 8 passages: 50 % (")
    found[8] = figures(plans[8], task, answered(plans[8], task, 0.4))
    assert number_words(found).text.startswith("Quality is highest at 1 and 4 passages: 50 % (")
    dear, origin = found[8]
    line = replace(dear.cost, per_call_usd=float("nan"))
    found[8] = replace(dear, cost=line, cost_usd_per_1k=float("nan")), origin
    told = number_words(found).text
    assert " tokens instead of " in told
    assert "per 1,000 answers" not in told


@pytest.mark.parametrize(("passages", "places"), [(1, ["first"]), (2, ["first", "last"]), (3, list(PLACES))])
def test_no_place_is_measured_twice(passages: int, places: list[str]) -> None:
    """Of two passages the middle one is the last, and one passage has one place."""
    made = place_plans(marked_task(), memory_model(), passages=passages, rows=20, decoding=DecodingMode.FREE)
    assert list(made) == places
    assert len({tuple(one.input for one in task.split("test")) for task, _plan in made.values()}) == len(places)
