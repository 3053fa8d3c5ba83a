"""What a table's columns are for: guessed from names and cells, with a reason, and told where the guess is not sure."""

from __future__ import annotations

import pytest

from adapters.tabular.reader import read_table
from adapters.tabular.source import Source
from engine.core.errors import TableError
from engine.ingest.columns import guess_roles
from engine.ingest.table import Table


def table(data: str) -> Table:
    """Read a CSV."""
    return read_table(Source(name="table.csv", data=data.encode()))


@pytest.mark.parametrize(
    ("header", "row", "inputs", "target", "split", "identity"),
    [
        ("text,intent,split", "hello {n} there,{m},{s}", ("text",), "intent", "split", None),
        (
            "ticket_id,subject,body,category",
            "T{n},Sub {n},long body {n},{m}",
            ("subject", "body"),
            "category",
            None,
            "ticket_id",
        ),
        ("q,a", "what is {n} and more,answer {n}", ("q",), "a", None, None),
        ("colour,words", "{m},some longer words {n}", ("words",), "colour", None, None),
        ("id,question,expected,fold", "{n},why {n},because {n},{s}", ("question",), "expected", "fold", "id"),
    ],
)
def test_roles_are_guessed_with_reasons(
    header: str, row: str, inputs: tuple[str, ...], target: str, split: str | None, identity: str | None
) -> None:
    """Names and looks of columns tell what they are for."""
    rows = [row.format(n=n, m="ab"[n % 2], s=("train", "test")[n % 2]) for n in range(20)]
    guess = guess_roles(table("\n".join([header, *rows])))
    assert (guess.roles.inputs, guess.roles.target, guess.roles.split, guess.roles.id) == (
        inputs,
        target,
        split,
        identity,
    )
    assert guess.reasons["input"]


@pytest.mark.parametrize(
    ("header", "row", "target", "unsure"),
    [
        ("text,label", "why {n},{n}", "label", set()),
        ("question,reply", "why {n},because of {n}", "reply", set()),
        ("reply,question", "because of {n},why {n}", "reply", set()),
        ("message,kind", "hello {n} there,{m}", "kind", set()),
        ("what,kind", "some longer words {n},{m}", "kind", set()),
        ("what,kind,tone", "some longer words {n},{m},{m}", "kind", {"target"}),
        ("message,reply,reason", "why {n},because of {n},of {n}", "reason", {"target"}),
        ("message,user", "hello {n} there,u{m}", "user", {"target"}),
        ("message,order_no", "hello {n} there,{n}", "order_no", {"target"}),
        ("message,kind", "hello {n} there,same", "kind", {"target"}),
        ("q,a", "what is {n} and more,answer {n}", "a", {"target"}),
        ("first,second,label", "some words {n},other words {n},{m}", "label", {"input"}),
        ("first,second,label", "all the same words,text {n},{m}", "label", {"input"}),
        ("subject,comment", "sub {n},words {n}", "comment", {"target"}),
    ],
)
def test_a_guess_says_where_it_is_not_sure(header: str, row: str, target: str, unsure: set[str]) -> None:
    """It is sure by a name, by the cells where one column alone has such, or where no other column is left."""
    rows = [row.format(n=n, m="ab"[n % 2]) for n in range(20)]
    guess = guess_roles(table("\n".join([header, *rows])))
    assert (guess.roles.target, set(guess.unsure)) == (target, unsure)
    assert target not in guess.roles.inputs


def test_what_the_user_names_is_not_guessed_again() -> None:
    """A named column is out of the question for other roles, which often makes the rest clear."""
    rows = [f"some words {n},other words {n},{n}" for n in range(20)]
    read = table("\n".join(["first,second,third", *rows]))
    assert guess_roles(read).unsure == {"input", "target"}
    guess = guess_roles(read, target="second")
    assert (guess.roles.inputs, guess.roles.target, guess.roles.metadata) == (("first",), "second", ("third",))
    assert (set(guess.unsure), "target" in guess.reasons) == (set(), False)
    guess = guess_roles(read, inputs=("first", "third"))
    assert (guess.roles.inputs, guess.roles.target, guess.unsure) == (("first", "third"), "second", set())
    assert guess.reasons["target"] == "'second': the only column besides 'first' and 'third'."


@pytest.mark.parametrize(
    ("column", "cells", "is_split"),
    [
        ("environment", ("dev", "test"), False),
        ("answer", ("valid", "valid"), False),
        ("label", ("train", "test"), False),
        ("status", ("valid", "valid"), False),
        ("phase", ("train", "test"), True),
        ("phase", ("Training", "valid"), True),
        ("split", ("dev", "test"), True),
        ("data split", ("train", "train"), True),
    ],
)
def test_words_of_splits_alone_make_no_split(column: str, cells: tuple[str, str], is_split: bool) -> None:
    """A column is the split by its name, or if its cells name training and another side and it is no usual target."""
    rows = [f"some words {n},{'ab'[n % 2]},{cells[n % 2]}" for n in range(40)]
    guess = guess_roles(table("\n".join([f"text,kind,{column}", *rows])))
    assert (guess.roles.split == column) is is_split
    rare = guess_roles(table("address,label,source\n" + "".join(
        f"the street {n},{'invalid' if n % 30 == 0 else 'valid'},s{n}\n" for n in range(120))))  # fmt: skip
    assert (rare.roles.target, rare.roles.split) == ("label", None)


def test_one_column_is_no_task() -> None:
    """A table without a second column says what is missing."""
    with pytest.raises(TableError, match="has one column"):
        guess_roles(table("text\nhello\n"))
