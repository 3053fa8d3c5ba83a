"""The steps of an upload: what was chosen last counts, in whatever order, and nothing outlives what it was made from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.tabular.reader import first_look, read_table
from adapters.tabular.source import Source
from components.upload.draft import CARD, COLUMNS, FILE, INSTRUCTIONS, LEAKS, SPLITS, Draft
from engine.core.errors import AdaptLabError
from engine.core.task import AnswerKind, Document
from engine.ingest.build_task import SplitPlan
from engine.ingest.clean_file import propose_task
from engine.ingest.columns import Roles
from engine.ingest.data_card import Fix
from engine.ingest.leaks.pairs import LeakPair, Similarity
from engine.ingest.leaks.record import LeakFix
from engine.ingest.options import ImportOptions
from engine.ingest.steps import (
    Checked,
    Compared,
    Documented,
    Guarded,
    Looked,
    Mapped,
    Read,
    Ready,
    Split,
    Step,
    add_documents,
    check_rows,
    compare_rows,
    guard_splits,
    make_ready,
    map_columns,
    plan_for,
    read_whole,
    split_rows,
    way_to,
)
from engine.ingest.table import ReadOptions

ORDER = (Looked, Read, Mapped, Checked, Split, Documented, Compared, Guarded, Ready)
UPLOAD = Path(__file__).parents[1] / "fixtures" / "home_1"


def csv() -> bytes:
    """Write a table with all that can be chosen about: twins, leaks, a group, forms of labels, addresses, no input."""
    lines = ["text,label,split,customer,note"]
    for n in range(24):
        side = ("train", "test", "train", "validation")[n % 4]
        lines.append(
            f"message number {n * 7919} about the {'bill' if n % 2 else 'parcel'},{'ab'[n % 2]},{side},c{n % 7},"
        )
    lines += [
        "Please help me now!,a,train,c0,", "please help me now,a,test,c1,x", "please help me now,b,train,c1,y",
        "write to me@example.org, A ,test,c2,", "Please help me now!,a,train,c0,", ",b,test,c3,",
    ]  # fmt: skip
    return ("\n".join(lines) + "\n").encode()


DATA = csv()
TEXT, NOTED = Roles(inputs=("text",), target="label", split="split"), Roles(inputs=("text", "note"), target="label")
DOCUMENT = Document(name="help.md", text="# Help\n\nPlease help me now, said the manual, and so it went on.")


def source(draft: Draft) -> Source:
    """Name the file of a draft as the reader takes it."""
    return Source(name=draft.name, data=draft.data)


def new_draft(options: ImportOptions | None = None) -> Draft:
    """Begin with the table and these choices."""
    return Draft(file_id="f", name="t.csv", data=DATA, options=options or ImportOptions(title="T"))


MAKING: dict[type[Step], Callable[[Any, ImportOptions], Step]] = {
    Read: map_columns,
    Mapped: lambda mapped, options: check_rows(mapped, options.fixes),
    Checked: lambda checked, options: split_rows(checked, plan_for(checked.before, options)),
    Split: lambda split, options: add_documents(split, options.documents),
    Documented: lambda documented, options: compare_rows(documented, options.similarity),
    Compared: lambda compared, options: guard_splits(compared, options.leaks),
    Guarded: lambda guarded, options: make_ready(guarded, options, task_id="t"),
}
"""What comes after each step, as its screen makes it."""


def next_step(draft: Draft) -> Step:
    """Make the step that follows the last one."""
    last, reading = draft.last, draft.options.reading
    if last is None:
        return Looked(reading=reading, look=first_look(source(draft), reading))
    if isinstance(last, Looked):
        return read_whole(read_table(source(draft), last.reading), last)
    return MAKING[type(last)](last, draft.options)


def walk(draft: Draft, steps: int = len(ORDER)) -> str:
    """Go on, so many steps at most; return the sentence of the error that stops it, or nothing."""
    for _ in range(steps):
        if draft.find(Ready) is not None:
            return ""
        try:
            draft.take(next_step(draft))
        except AdaptLabError as error:
            return str(error)
    return ""


def changed(**fields: object) -> Callable[[ImportOptions], ImportOptions]:
    """Choose these."""
    return lambda options: replace(options, **fields)  # type: ignore[arg-type]


def fixed(name: str, fix: Fix) -> Callable[[ImportOptions], ImportOptions]:
    """Choose what is done about one finding."""
    return lambda options: replace(options, fixes={**options.fixes, name: fix})


def used(roles: Roles) -> Callable[[ImportOptions], ImportOptions]:
    """Choose the columns."""
    return lambda options: options.use_columns(roles, instead_of=options.roles or TEXT)


CHOICES: dict[str, tuple[type[Step], Callable[[ImportOptions], ImportOptions]]] = {
    "read": (Looked, lambda options: options.read_as(ReadOptions(encoding="latin-1"))),
    "detect": (Looked, lambda options: options.read_as(ReadOptions())),
    "no-header": (Looked, lambda options: options.read_as(ReadOptions(header=False))),
    "text": (Mapped, used(TEXT)),
    "noted": (Mapped, used(NOTED)),
    "grouped": (Mapped, used(replace(TEXT, group="customer"))),
    "other-target": (Mapped, used(Roles(inputs=("text",), target="customer"))),
    "short": (Mapped, changed(kind=AnswerKind.SHORT)),
    "label": (Mapped, changed(kind=AnswerKind.LABEL)),
    "trim": (Checked, fixed("spaces", Fix.KEEP)),
    "merge": (Checked, fixed("duplicates", Fix.MERGE)),
    "conflicts": (Checked, fixed("conflicts", Fix.DROP)),
    "mask": (Checked, fixed("personal", Fix.MASK)),
    "forms": (Checked, fixed("label_forms", Fix.MERGE)),
    "seed": (Split, changed(split=SplitPlan(seed=3))),
    "half": (Split, changed(split=SplitPlan(seed=3, shares={"train": 0.5, "test": 0.5}))),
    "column": (Split, changed(split=SplitPlan(column="split", meanings={"validation": "test"}))),
    "document": (Documented, changed(documents=(DOCUMENT,))),
    "no-document": (Documented, changed(documents=())),
    "near": (Compared, changed(similarity=0.5)),
    "far": (Compared, changed(similarity=1.0)),
    "drop": (Guarded, changed(leaks=LeakFix.DROP)),
    "move": (Guarded, changed(leaks=LeakFix.MOVE)),
    "unlearn": (Guarded, changed(leaks=LeakFix.DROP_LEARNING)),
    "keep": (Guarded, changed(leaks=LeakFix.KEEP)),
    "title": (Ready, changed(title="Another")),
    "words": (Ready, changed(instructions="Sort the mail.")),
    "drafted": (Ready, changed(instructions=None)),
}
"""By name: the first step that a choice enters, and the choice."""


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(sorted(CHOICES)), st.integers(0, len(ORDER))), max_size=8))
def test_any_order_of_choosing_makes_the_same_task(drawn: list[tuple[str, int]]) -> None:
    """Going on and back and changing one's mind ends where choosing right at once does, be it a task or a refusal."""
    draft = new_draft()
    for name, steps in drawn:
        walk(draft, steps)
        draft.choose(CHOICES[name][1](draft.options))
    straight = new_draft(draft.options)
    assert walk(draft) == walk(straight)
    assert [type(step) for step in way_to(draft.last)] == [type(step) for step in way_to(straight.last)]
    made, wanted = draft.find(Ready), straight.find(Ready)
    assert (made and made.task) == (wanted and wanted.task)


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(sorted(CHOICES)), max_size=4),
    st.integers(0, len(ORDER)),
    st.sampled_from(sorted(CHOICES)),
)
def test_what_is_left_is_what_the_choices_make(before: list[str], steps: int, name: str) -> None:
    """After a choice the steps that are left are the first ones of before, each as it would be made from scratch."""
    draft = new_draft()
    for other in before:
        draft.choose(CHOICES[other][1](draft.options))
    walk(draft, steps)
    kept = list(way_to(draft.last))
    draft.choose(CHOICES[name][1](draft.options))
    left = list(way_to(draft.last))
    assert left == kept[len(kept) - len(left) :]
    scratch = new_draft(draft.options)
    walk(scratch, len(left))
    assert [content(step) for step in left] == [content(step) for step in way_to(scratch.last)]


def content(step: Step) -> list[object]:
    """Return what a step holds, but for the steps before it."""
    if isinstance(step, Read):
        return [Read, step.table.header, step.guess, [list(column) for column in step.table.columns]]
    return [type(step), *(getattr(step, part.name) for part in fields(step) if part.name != "before")]


@pytest.mark.parametrize("name", sorted(CHOICES.keys() - {"detect", "text", "label", "no-document", "keep", "drafted"}))
def test_a_choice_takes_away_its_step_and_all_later_ones(name: str) -> None:
    """With a task at hand, another choice leaves the earlier steps as they are, and none from the one it enters on."""
    draft = new_draft()
    walk(draft)
    made = {type(step): step for step in way_to(draft.last)}
    assert tuple(reversed(made)) == ORDER
    first, choose = CHOICES[name]
    draft.choose(choose(draft.options))
    assert list(reversed(list(way_to(draft.last)))) == [made[kind] for kind in ORDER[: ORDER.index(first)]]


def test_what_is_chosen_again_leaves_everything() -> None:
    """Choosing what stands already drops no step."""
    draft = new_draft(ImportOptions(title="T", roles=TEXT))
    assert walk(draft) == ""
    last = draft.last
    draft.choose(replace(draft.options, kind=AnswerKind.LABEL, split=SplitPlan(column="split"), documents=()))
    assert draft.last is last


@pytest.mark.parametrize(("language", "odd"), [("auto", ""), ("de", ""), ("xx", "'xx' is not a language")])
def test_a_clean_file_is_proposed_with_instructions_in_any_language_that_can_be_chosen(language: str, odd: str) -> None:
    """Whatever the terminal takes as a language a proposal takes, too; another one is named, not raised."""
    options = ImportOptions(title="T", roles=TEXT, instruction_language=language)
    read = new_draft(options)
    walk(read, 2)
    step = read.find(Read)
    assert step is not None
    found = propose_task(step, options, meanings=lambda _split, _report: None)
    assert (found.guarded is None) is bool(odd)
    assert odd in " ".join(found.odd)


def test_screens_open_as_far_as_the_steps_go() -> None:
    """A screen that was open before is closed while the steps that lead to it are missing."""
    draft = new_draft()
    draft.go(INSTRUCTIONS)
    opened = [draft.reached]
    while draft.find(Ready) is None:
        draft.take(next_step(draft))
        opened.append(draft.reached)
    assert opened == [
        FILE, COLUMNS, COLUMNS, CARD, SPLITS, LEAKS, LEAKS, LEAKS, INSTRUCTIONS, INSTRUCTIONS,
    ]  # fmt: skip
    draft.choose(fixed("duplicates", Fix.MERGE)(draft.options))
    assert draft.reached == CARD
    draft.furthest = COLUMNS
    assert draft.reached == COLUMNS


def test_work_on_what_is_gone_is_stopped() -> None:
    """A job goes on while the step it was begun from stands, and is stopped and forgotten with it."""
    draft, goes_on = new_draft(), threading.Event()
    walk(draft, 5)
    mapped, split = draft.find(Mapped), draft.find(Split)
    assert mapped is not None
    assert split is not None
    draft.begin("tokens", lambda _job: goes_on.wait(60), mapped)
    draft.begin("meanings", lambda job: goes_on.wait(60) and job.tell(1.0), split)
    tokens, meanings = draft.jobs["tokens"].job, draft.jobs["meanings"].job
    draft.choose(changed(documents=(DOCUMENT,))(draft.options))
    assert set(draft.jobs) == {"tokens", "meanings"}
    draft.choose(fixed("duplicates", Fix.MERGE)(draft.options))
    assert set(draft.jobs) == {"tokens"}
    goes_on.set()
    assert tokens.wait(60)
    assert meanings.wait(60)
    assert (tokens.status, meanings.status) == ("done", "cancelled")


def test_a_pair_is_told_once() -> None:
    """Rows that are alike by their words are not told again for their meaning; the record says that it was compared."""
    draft = new_draft(ImportOptions(roles=TEXT))
    walk(draft, 7)
    compared = draft.find(Compared)
    assert compared is not None
    (pair, *_) = compared.pairs
    again = replace(pair, kind=Similarity.MEANING, similarity=0.99)
    other = LeakPair(kind=Similarity.MEANING, test_id=pair.test_id, other_id="0", similarity=0.98)
    guarded = guard_splits(compared, LeakFix.KEEP, (again, other))
    assert guarded.record.pairs == (*compared.pairs, other)
    assert "meaning by embeddings" in guarded.record.sentence()
    assert guard_splits(compared, LeakFix.KEEP).record.pairs == compared.pairs


def test_rows_that_move_take_their_likes_along() -> None:
    """A row moved to training is compared with the test rows that are left, until none is like it."""
    texts = (
        "where is my large blue parcel that was sent on a monday in may",
        "where is my xxxxx blue parcel that was sent on a monday in may",
        "where is my xxxxx blue parcel that was yyyyy on a monday in may",
        "where is my xxxxx blue parcel that was yyyyy on a zzzzz in may",
        "something else",
    )
    lines = [f"{text},{'ab'[n % 2]},{'test' if n else 'train'}" for n, text in enumerate(texts)]
    draft = new_draft(ImportOptions(title="T", leaks=LeakFix.MOVE, similarity=0.9))
    draft.data = ("text,label,split\n" + "\n".join(lines) + "\n").encode()
    assert walk(draft) == ""
    guarded = draft.find(Guarded)
    assert [pair.test_id for pair in guarded.before.pairs] == ["1"]
    assert [guarded.splits[place] for place in range(5)] == ["train", "train", "train", "train", "test"]
    assert guarded.record.left == 0
