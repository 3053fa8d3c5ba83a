"""A table becomes a task: roles guessed, oddities told and fixed as asked, splits drawn, everything written down."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.storage.task_folder import read_task, write_task
from adapters.tabular.reader import read_table
from adapters.tabular.source import Source
from engine.core.errors import AdaptLabError, TableError, TaskError, UsageError
from engine.core.task import AnswerKind
from engine.ingest.answer_kind import guess_kind
from engine.ingest.checks.examine import examine
from engine.ingest.checks.personal_data import find_personal, mask_personal
from engine.ingest.columns import Roles, fill_template
from engine.ingest.data_card import Fix, Row, line_ranges
from engine.ingest.leaks.record import LeakFix
from engine.ingest.one_step import Imported
from engine.ingest.options import ImportOptions
from engine.ingest.splitting import split_by_seed, split_warnings
from engine.ingest.table import Table
from tests.helpers import import_table

SPLIT = "input,target,split\na1,x,train\nb2,y,train\n"
ROLES = Roles(inputs=("input",), target="target", split="split")


def table(data: str, name: str = "table.csv") -> Table:
    """Read a CSV."""
    return read_table(Source(name=name, data=data.encode()))


def taken(data: str, roles: Roles = ROLES, **options: object) -> Imported:
    """Import a CSV with the columns input, target and, unless told, split."""
    return import_table(table(data), ImportOptions(roles=roles, title="T", **options), task_id="t")  # type: ignore[arg-type]


def fault(data: str, roles: Roles = ROLES, **options: object) -> str:
    """Return the message of the fault that importing gives: one line with a fix."""
    with pytest.raises((TaskError, UsageError)) as caught:
        taken(data, roles, **options)
    assert caught.value.fix
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_cells_stay_text_and_targets_are_trimmed_with_a_word() -> None:
    """Inputs stay as they are; spaces around a target go, which is written down, unless they are to be kept."""
    data = SPLIT + "  007 ,01,test\n=1+1, 2026-01-02 ,test\nNaN,None,test\n"
    made = taken(data)
    rows = [(e.input, e.target) for e in made.task.split("test")]
    assert rows == [("  007 ", "01"), ("=1+1", "2026-01-02"), ("NaN", "None")]
    assert [(f.id, f.lines, f.chosen) for f in made.card.findings] == [("spaces", (5,), "trim")]
    assert made.task.source["findings"][0]["done"] == "trim"
    assert taken(data, fixes={"spaces": Fix.KEEP}).task.split("test")[1].target == " 2026-01-02 "


def test_ids_name_the_line_a_row_begins_on() -> None:
    """Without an id column each row is known by its line, also after quoted line breaks."""
    made = taken(SPLIT + '"one\ntwo, ""three""",x,test\r\nlast,y,test\n')
    assert [(e.id, e.input) for e in made.task.split("test")] == [("row-4", 'one\ntwo, "three"'), ("row-6", "last")]


def test_few_short_targets_are_labels_and_others_are_text() -> None:
    """Repeated short targets make a classification; objects make an extraction; the rest is an answer or a text."""
    made = taken(SPLIT + "c,x,test\nd,y,test\n").task
    assert (made.answer.kind, made.answer.labels, made.primary_scorer) == (AnswerKind.LABEL, ("x", "y"), "accuracy")
    assert "x\ny" in made.instructions
    assert guess_kind(["x", "y", "z"]).kind is AnswerKind.SHORT
    assert guess_kind(['{"a": 1}', '{"a": null}']).kind is AnswerKind.JSON
    assert guess_kind(["word " * 30, "other " * 30]).kind is AnswerKind.TEXT
    assert taken(SPLIT + "c,x,test\nd,y,test\n", kind=AnswerKind.SHORT).task.answer.kind is AnswerKind.SHORT


def test_records_get_a_schema_that_all_of_them_fulfil(tmp_path: Path) -> None:
    """The inferred schema takes types and absences as they are seen, and the written task is read back."""
    data = 'q|r|split\nA|{"n": 1, "w": "x"}|train\nB|{"n": 1.5, "w": null}|test\nC|{"n": 2}|test\n'
    made = taken(data, Roles(inputs=("q",), target="r", split="split")).task
    assert made.answer.json_schema["properties"] == {"n": {"type": "number"}, "w": {"type": ["null", "string"]}}
    assert made.answer.json_schema["required"] == ["n"]
    write_task(made, tmp_path / "t")
    assert [e.target for e in read_task(tmp_path / "t").examples] == [
        '{"n": 1, "w": "x"}',
        '{"n": 1.5, "w": null}',
        '{"n": 2}',
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (SPLIT, ["no 'test' rows"]),
        ("input,target,split\na,x,test\nb,y,test\n", ["no 'train' rows"]),
        (SPLIT + "c,x,test,more\n", ["line 4", "4 cells", "header has 3", "--fix ragged=drop"]),
        (SPLIT + '"two\nlines",x,test\nshort\nand\n', ["line 6", "1 more row", "1 cells"]),
        (SPLIT + ",x,test\n", ["line 4", "empty input"]),
        (SPLIT + "c, ,test\n", ["line 4", "empty target"]),
        (SPLIT + "c,x,exam\n", ["line 4", "split 'exam'"]),
        ("inputs,target,split\na,b,test\n", ["Unknown column 'input'", "Did you mean inputs"]),
    ],
    ids=str,
)  # fmt: skip
def test_faults_name_their_line_and_fix(data: str, words: list[str]) -> None:
    """What cannot be used stops the import with its line and the way to leave it out."""
    message = fault(data)
    for word in words:
        assert word in message


def test_one_label_is_no_classification() -> None:
    """A task whose answers are all the same label is refused."""
    assert "All targets are 'x'" in fault("input,target,split\na,x,train\nb,x,test\n", kind=AnswerKind.LABEL)


def test_rows_are_left_out_when_asked() -> None:
    """A fix that is asked for is done and written down with its lines."""
    made = taken(SPLIT + "c,x,test\nragged\n,y,test\nd,y,test\n", fixes={"ragged": Fix.DROP, "empty_input": Fix.DROP})
    assert [e.input for e in made.task.split("test")] == ["c", "d"]
    assert [(f["id"], f["lines"]) for f in made.task.source["findings"]][:2] == [("ragged", "5"), ("empty_input", "6")]
    assert made.task.source["rows_read"] == 6
    assert "is not a fix for 'ragged'" in fault(SPLIT + "ragged\nc,x,test\n", fixes={"ragged": Fix.MERGE})
    assert "Unknown finding 'raged'" in fault(SPLIT + "c,x,test\n", fixes={"raged": Fix.DROP})


TWINS = SPLIT + "Same,x,test\nsame ,x,test\nsame,y,test\nother,X,test\n"


@pytest.mark.parametrize(
    ("fixes", "rows"),
    [
        ({}, [("Same", "x"), ("same ", "x"), ("same", "y"), ("other", "X")]),
        ({"duplicates": Fix.MERGE}, [("Same", "x"), ("same", "y"), ("other", "X")]),
        ({"conflicts": Fix.DROP}, [("other", "X")]),
        ({"conflicts": Fix.MERGE}, [("Same", "x"), ("same ", "x"), ("same", "x"), ("other", "X")]),
        ({"label_forms": Fix.MERGE}, [("Same", "x"), ("same ", "x"), ("same", "y"), ("other", "x")]),
    ],
    ids=str,
)
def test_twins_conflicts_and_forms_of_labels(fixes: dict[str, Fix], rows: list[tuple[str, str]]) -> None:
    """Rows with the same input are told apart into duplicates and conflicts; each fix does what it says."""
    made = taken(TWINS, kind=AnswerKind.LABEL, fixes=fixes)
    assert [(e.input, e.target) for e in made.task.split("test")] == rows
    found = {finding.id: finding.lines for finding in made.card.findings}
    assert (found["duplicates"], found["conflicts"], found["label_forms"]) == ((5,), (4, 5, 6), (7,))


def test_personal_data_is_flagged_and_masked() -> None:
    """Addresses, numbers that hold their checks and phone numbers are found; dates, prices and order numbers are not."""
    texts = {
        "write to desk@example.org now": ["email"],
        "call +44 20 7946 0958 or (030) 901820": ["phone", "phone"],
        "card 4111 1111 1111 1111": ["card"],
        "GB82 WEST 1234 5698 7654 32": ["iban"],
        "on 2026-01-31 at 12:30, 24.12.2026": [],
        "order 12345678, 1,234,567.89 euros, v10.2.30.4": [],
        "card 4111 1111 1111 1112": [],
    }
    for text, kinds in texts.items():
        assert [item.kind for item in find_personal(text)] == kinds, text
    assert mask_personal("write to desk@example.org now") == "write to [email] now"
    made = taken(SPLIT + "mail me@example.org,x,test\nc,y,test\n", fixes={"personal": Fix.MASK})
    assert [e.input for e in made.task.split("test")] == ["mail [email]", "c"]


@given(st.dictionaries(st.sampled_from(["a", "b", "a b", "x.y"]), st.text(max_size=8), min_size=1))
def test_a_template_puts_cells_in_once(cells: dict[str, str]) -> None:
    """Braces inside cells stay text, whatever they hold."""
    template = "|".join(f"{{{name}}}" for name in cells)
    assert fill_template(template, cells) == "|".join(cells.values())


def test_several_inputs_are_joined_by_a_template() -> None:
    """Inputs stand under their names, or as the template says."""
    data = "a,b,target,split\n1,2,x,train\n3,,y,test\n,,y,test\n ,\u00a0 ,y,test\n"
    roles = Roles(inputs=("a", "b"), target="target", split="split")
    made = taken(data, roles, fixes={"empty_input": Fix.DROP})
    assert [e.input for e in made.task.examples] == ["a: 1\nb: 2", "a: 3\nb: "]
    shaped = taken(data, Roles(inputs=("a", "b"), target="target", split="split", template="{b}/{a}"),
                   fixes={"empty_input": Fix.DROP})  # fmt: skip
    assert shaped.task.examples[0].input == "2/1"
    assert "does not use the input 'b'" in fault(
        data, Roles(inputs=("a", "b"), target="target", split="split", template="{a}")
    )


rows_of_groups = st.lists(
    st.tuples(st.sampled_from("xyz"), st.sampled_from(["", *"abcdefghij"])), min_size=12, max_size=60
)


@settings(max_examples=60)
@given(rows_of_groups, st.integers(0, 5), st.sampled_from([0.3, 0.5]))
def test_rows_of_a_group_are_never_divided(drawn: list[tuple[str, str]], seed: int, share: float) -> None:
    """Every row gets one split, and all rows of a group the same."""
    rows = [Row(place, place + 2, f"text {place}", target) for place, (target, _) in enumerate(drawn)]
    groups = [group for _, group in drawn]
    try:
        splits = split_by_seed(
            rows, shares={"train": 1 - share, "test": share}, seed=seed, by_target=True, groups=groups
        )
    except TableError:
        return  # a few large groups can leave a side empty, which is told
    assert set(splits) == {row.place for row in rows}
    for group in set(groups) - {""}:
        assert len({splits[row.place] for row, own in zip(rows, groups, strict=True) if own == group}) == 1


@settings(max_examples=60)
@given(st.lists(st.integers(5, 40), min_size=1, max_size=6), st.integers(0, 5), st.sampled_from([0.2, 0.4, 0.5]))
def test_shares_hold_for_every_target(sizes: list[int], seed: int, share: float) -> None:
    """Each target is dealt out by the shares, to a row; the same seed deals the same way."""
    rows = [
        Row(place, place, "t", str(label))
        for label, size in enumerate(sizes)
        for place in range(label * 100, label * 100 + size)
    ]
    shares = {"train": 1 - share, "test": share}
    splits = split_by_seed(rows, shares=shares, seed=seed, by_target=True)
    assert splits == split_by_seed(rows, shares=shares, seed=seed, by_target=True)
    tested = Counter(row.target for row in rows if splits[row.place] == "test")
    for label, size in enumerate(sizes):
        assert abs(tested[str(label)] - share * size) <= 1


def test_warnings_name_labels_with_too_few_rows() -> None:
    """Labels that are not trained on, not tested or hardly tested are named."""
    rows = [Row(0, 2, "a", "x"), Row(1, 3, "b", "y"), Row(2, 4, "c", "y")]
    words = " ".join(split_warnings(rows, {0: "train", 1: "train", 2: "test"}, by_target=True))
    for part in (
        "'x' has no test rows",
        "Fewer than 5 test rows for 'y'",
        "With 1 test row, results are accurate to about ±98 points",
    ):
        assert part in words


def test_the_record_tells_how_the_task_came_about(tmp_path: Path) -> None:
    """File, digest, reading, columns, findings and leaks stand in the written task, and in its card."""
    made = taken(SPLIT + "A1!,x,test\nd,y,test\n", leaks=LeakFix.DROP)
    write_task(made.task, tmp_path / "t")
    found = read_task(tmp_path / "t")
    assert found.source == made.task.source
    assert found.source["columns"]["inputs"] == ["input"]
    assert found.source["leak_guard"]["found_short"] == {"normalized": 1}
    assert found.source["leak_guard"]["found"] == {}
    assert found.source["leak_guard"]["pairs"] == ["line 4 normalized line 2 (1.00)"]
    assert [e.input for e in found.split("test")] == ["d"]
    assert "Dropped: 1 test row" in found.card["leak_guard"]


@pytest.mark.parametrize(
    ("rows", "count", "said"),
    [
        (
            "A1!,x,validation\nc,y,validation\nd,y,test\n",
            1,
            " 1 validation row is similar to a training row: settings chosen",
        ),
        (
            "A1,x,validation\nb2,y,validation\nd,y,test\n",
            2,
            " 2 validation rows are similar to a training row: settings",
        ),
        ("c,x,validation\nd,y,test\n", 0, None),
        ("d,y,test\n", 0, None),
    ],
)
def test_validation_rows_that_repeat_training_rows_are_counted(rows: str, count: int, said: str | None) -> None:
    """They are no leak into the test rows, so nothing is done about them, but what is chosen by them looks too good."""
    made = taken(SPLIT + rows, leaks=LeakFix.DROP)
    assert made.leaks.validation_like_training == made.task.source["leak_guard"]["validation_like_training"] == count
    assert made.leaks.sentence().startswith("The leak check found nothing (1 test row against")
    assert made.leaks.is_clear == (said is None)
    assert made.task.card["leak_guard"].partition(").")[2].startswith(said or "")
    assert ("look better than they are" in made.task.card["leak_guard"]) == (count > 0)
    assert len(made.task.examples) == 2 + rows.count("\n")


def test_ids_that_stand_twice_take_their_line() -> None:
    """An id column is used; an id that is empty or taken is told and takes the row's line."""
    data = "key,input,target,split\nk,a,x,train\nk,b,y,test\n,c,x,test\n"
    roles = Roles(inputs=("input",), target="target", split="split", id="key")
    assert "line 3" in fault(data, roles)
    made = taken(data, roles, fixes={"ids": Fix.RENAME})
    assert [e.id for e in made.task.examples] == ["k", "k-3", "row-4"]


def test_metadata_goes_along() -> None:
    """Other columns are kept beside each row."""
    data = "input,target,split,tag\na,x,train,007\nb,y,test,\n"
    made = taken(data, Roles(inputs=("input",), target="target", split="split", metadata=("tag",)))
    assert [dict(e.metadata) for e in made.task.examples] == [{"tag": "007"}, {"tag": ""}]


@given(st.sets(st.integers(1, 60)))
def test_lines_are_written_shortly_and_wholly(lines: set[int]) -> None:
    """Ranges stand for all lines and no others."""
    told = [part.split("-") for part in line_ranges(tuple(lines)).split(", ") if part]
    assert {n for part in told for n in range(int(part[0]), int(part[-1]) + 1)} == lines


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=80)
@given(
    st.lists(
        st.tuples(texts, st.sampled_from(["x", "y", " x", ""]), st.sampled_from(["train", "test", ""])), max_size=12
    )
)
def test_any_table_is_imported_or_refused_by_name(drawn: list[tuple[str, str, str]]) -> None:
    """Whatever stands in the cells, the import ends with a task or with a typed error that has a fix."""
    quoted = [
        "\t".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [("input", "target", "split"), *drawn]
    ]
    try:
        found = table("\n".join(quoted) + "\n", "t.tsv")
        made = import_table(found, ImportOptions(roles=ROLES, title="T"), task_id="t")
    except AdaptLabError as error:
        assert error.fix
    else:
        assert {e.input for e in made.task.examples} <= {row[0] for row in drawn}


def test_examining_with_too_long_rows_offers_to_drop_them() -> None:
    """Rows over the context are a finding of their own."""
    found = table(SPLIT + "c,x,test\n")
    card = examine(found, ROLES, AnswerKind.LABEL, {"too_long": Fix.DROP}, too_long=frozenset({2}))
    assert card.card.findings[-1].id == "too_long"
    assert len(card.rows) == 2
