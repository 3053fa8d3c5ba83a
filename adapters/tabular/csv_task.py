"""A CSV file as a classification or text task. Cells stay text, exactly as they stand in the file."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from engine.errors import TaskError, UsageError, unknown_name
from engine.selection import stratified_split
from engine.task import AnswerKind, AnswerSpec, Example, Task

MAX_BYTES = 200_000_000
MAX_LABELS = 200
MAX_LABEL_CHARACTERS = 60
LEAST_ROWS_PER_LABEL = 2.0
SPLIT_NAMES = {"train": "train", "training": "train", "test": "test", "validation": "validation", "val": "validation",
               "valid": "validation", "dev": "validation"}  # fmt: skip


def read_csv_task(
    path: Path,
    *,
    input_column: str,
    target_column: str,
    split_column: str | None = None,
    train_rows: int = 50,
    seed: int = 0,
) -> Task:
    """Read a CSV file as a task; few distinct short targets make it a classification.

    Without a split column the rows are split by seed, stratified over targets: `train_rows` to train on.

    Raises:
        TaskError: the file cannot be read as a table; names the line.
        UsageError: a column is not there; the nearest names are offered.
    """
    rows = list(_rows(path))
    header, body = rows[0][1], rows[1:]
    for column in filter(None, (input_column, target_column, split_column)):
        if column not in header:
            raise unknown_name("column", column, header)
    places = {name: header.index(name) for name in header}
    examples = []
    for number, cells in body:
        if len(cells) != len(header):
            raise TaskError(
                f"{path.name}, line {number}: {len(cells)} cells where the header has {len(header)}.",
                "Quote cells that hold commas.",
            )
        target = cells[places[target_column]].strip()
        if not target or not cells[places[input_column]].strip():
            raise TaskError(f"{path.name}, line {number}: an empty input or target.", "Fill or remove the row.")
        split = _split(cells[places[split_column]], path, number) if split_column else "test"
        examples.append(Example(id=f"row-{number}", input=cells[places[input_column]], target=target, split=split))
    if not examples:
        raise TaskError(f"{path.name} has a header and no rows.", "Add rows.")
    if split_column is None:
        examples = stratified_split(examples, train_rows=train_rows, seed=seed)
    for needed in ("train", "test"):
        if not any(example.split == needed for example in examples):
            raise TaskError(f"{path.name} has no '{needed}' rows.", "Fill the split column, or leave it out.")
    return _task(path, target_column, tuple(examples))


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells) of a strict RFC 4180 reading; blank lines are passed over."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TaskError(f"{path.name} is larger than 200 MB.", "Take a sample of its rows.")
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"There is no file '{path}'.", "Look at its path.") from None
    except UnicodeDecodeError as error:
        raise TaskError(f"{path.name} is not UTF-8 at byte {error.start}.", "Save it as UTF-8 CSV.") from error
    except OSError as error:
        raise TaskError(f"{path.name} cannot be read ({error.strerror}).", "Look at its rights.") from error
    if "\0" in text:
        raise TaskError(f"{path.name} holds NUL bytes.", "Save it as UTF-8 CSV.")
    csv.field_size_limit(MAX_BYTES)  # Python's own limit, 128 KiB a cell, would refuse long documents
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found = False
    line = 1
    try:
        for cells in reader:
            if cells:
                if not found and len(set(cells)) < len(cells):
                    twice = [name for name, count in Counter(cells).items() if count > 1]
                    raise TaskError(f"{path.name}, line {line}: column '{twice[0]}' stands twice.", "Rename one.")
                found = True
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise TaskError(f"{path.name}, line {reader.line_num}: {error}.", "Correct the quotes there.") from error
    if not found:
        raise TaskError(f"{path.name} is empty.", "Give it a header line and rows.")


def _split(cell: str, path: Path, number: int) -> str:
    name = SPLIT_NAMES.get(cell.strip().lower())
    if name is None:
        raise TaskError(
            f"{path.name}, line {number}: split {cell[:40]!r} is not known.", "Use train, validation or test."
        )
    return name


def _task(path: Path, target_column: str, examples: tuple[Example, ...]) -> Task:
    counts = Counter(example.target for example in examples)
    labels = tuple(sorted(counts))
    is_label = (
        2 <= len(labels) <= MAX_LABELS
        and max(map(len, labels)) <= MAX_LABEL_CHARACTERS
        and len(examples) >= LEAST_ROWS_PER_LABEL * len(labels)
    )
    if is_label:
        instructions = f"Classify the message into one {target_column.replace('_', ' ')}:\n" + "\n".join(labels)
        instructions += "\nAnswer with the name only."
        answer, scorers = AnswerSpec(kind=AnswerKind.LABEL, labels=labels), ("accuracy", "macro_f1")
    else:
        instructions = f"Answer with the {target_column.replace('_', ' ')} only."
        answer, scorers = AnswerSpec(kind=AnswerKind.SHORT), ("token_f1", "exact_match")
    digest = hashlib.sha256(
        json.dumps([instructions, [[e.id, e.input, e.target, e.split] for e in examples]]).encode()
    ).hexdigest()
    return Task(
        id=path.stem,
        title=path.name,
        summary=f"{len(examples)} rows from {path.name}",
        instructions=instructions,
        answer=answer,
        primary_scorer=scorers[0],
        scorers=scorers,
        examples=examples,
        digest=digest,
    )
