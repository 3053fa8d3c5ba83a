"""The locale of a task: set by `import-csv`, and numbers and dates of fields are compared as it writes them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.helpers import WriteCsv
from tests.terminal.reading import Run

TICKETS = Path(__file__).parents[1] / "fixtures" / "tickets"
TOML = """
id = "order"
title = "Order"
instructions = "Read it."
{locale}
[answer]
kind = "json"
schema_file = "schema.json"
[scoring]
primary = "record_match"
scorers = ["record_match", "field_f1"]
"""


@pytest.mark.parametrize("locale", ["de-CH", "mul"])
def test_a_locale_is_written_into_the_task(run: Run, tmp_path: Path, write_csv: WriteCsv, locale: str) -> None:
    """`--locale` is told and stands in the task's file."""
    table = write_csv(tmp_path / "desk.csv")
    code, out, err = run("import-csv", table, "--out", tmp_path / "task", "--locale", locale)
    assert code == 0, err
    assert f"answers are compared as in: {locale}" in out
    assert tomllib.loads((tmp_path / "task" / "task.toml").read_text(encoding="utf-8"))["locale"] == locale


@pytest.mark.parametrize("language", ["de", "zh", "ar", "en"])
def test_a_locale_is_set_by_the_language_of_the_rows(
    run: Run, tmp_path: Path, write_csv: WriteCsv, language: str
) -> None:
    """Not asked for, it is that of the inputs where answers are labels; of English rows there is none."""
    table = write_csv(tmp_path / "desk.csv") if language == "en" else TICKETS / f"{language}.csv"
    code, out, err = run("import-csv", table, "--out", tmp_path / "task", "--meanings", "never")
    assert code == 0, err
    locale = None if language == "en" else language
    assert ("answers are compared as in:" in out) is (locale is not None)
    assert tomllib.loads((tmp_path / "task" / "task.toml").read_text(encoding="utf-8")).get("locale") == locale


def test_an_unknown_locale_is_wrong_usage(run: Run, tmp_path: Path, write_csv: WriteCsv) -> None:
    """It is named with the fix, and no task is written."""
    table = write_csv(tmp_path / "desk.csv")
    code, out, err = run("import-csv", table, "--out", tmp_path / "task", "--locale", "xx")
    assert (code, out) == (2, "")
    what, fix = err.strip().splitlines()[-2:]
    assert what == "The locale 'xx' is not known."
    assert "'de-CH'" in fix
    assert not (tmp_path / "task").exists()


def order(folder: Path, *, locale: str, answer: object, target: object) -> Path:
    """Write a task whose schema allows the target and this answer, which the scripted model gives: it takes the first."""
    folder.mkdir()
    line = f'locale = "{locale}"' if locale else ""
    (folder / "task.toml").write_text(TOML.format(locale=line), encoding="utf-8")
    schema = {"type": "object", "properties": {"n": {"enum": [answer, target]}}, "required": ["n"]}
    (folder / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
    rows = [
        {"id": f"{split}-{n}", "input": f"an order, {n}", "target": {"n": target}, "split": split}
        for split in ("train", "test")
        for n in range(2)
    ]
    (folder / "examples.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("locale", "answer", "target", "right"),
    [
        ("de", "1.234,50", 1234.5, True),
        ("", "1.234,50", 1234.5, False),
        ("de", "3. März 2026", "03.03.2026", True),
        ("de", "3. März 2026", "2026-03-03", True),
        ("", "3. März 2026", "2026-03-03", False),
        ("de", "0123", "123", False),
        ("de", "03.03.26", "2026-03-03", False),
    ],
    ids=[
        "a number",
        "a number in English",
        "a day",
        "a day in ISO",
        "a day in English",
        "a needless zero",
        "a short year",
    ],
)
def test_fields_are_compared_as_the_locale_writes_them(
    run: Run, tmp_path: Path, locale: str, answer: object, target: object, right: bool
) -> None:
    """German numbers and days equal those that are written otherwise, and only where the task is German."""
    folder = order(tmp_path / "order", locale=locale, answer=answer, target=target)
    asked = ("--model", "scripted", "--variants", "zero-shot", "--decoding", "json", "--out", tmp_path / "out")
    code, _, err = run("compare", "--task", folder, *asked)
    assert code == 0, err
    (variant,) = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))["variants"]
    assert variant["n_failed"] == 0
    assert variant["quality"]["value"] == float(right)
