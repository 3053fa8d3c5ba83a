"""Reading a task folder: `task.toml`, `examples.jsonl`, `prompt.toml`, `documents/*.md`. Unknown keys are refused."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from adapters.storage.files import whole_folder
from adapters.storage.task_file import RowLine, TaskFile
from adapters.storage.task_schema import read_schema
from adapters.storage.task_template import TEMPLATE_NAME, read_template, template_text
from engine.core.errors import TaskError
from engine.core.task import AnswerKind, AnswerSpec, Document, Example, Rule, Task, task_digest
from engine.core.text.answer_forms import is_known_locale
from engine.core.text.json_schema import schema_fault
from engine.core.text.label_words import label_word_fault
from engine.core.text.patterns import SEARCH_S, found_end, pattern_fault
from engine.core.text.prompt_template import ENGLISH
from engine.metrics import wording as say
from engine.metrics.scoring import KINDS, RUN_SCORERS, SCORERS

MAX_DOCUMENT_BYTES = 5_000_000
MAX_FILE_BYTES = 200_000_000
ROWS_TRIED = 200
"""Rows whose targets a task's rules are tried on when it is read."""
SCHEMA_NAME = "schema.json"
_OLD_CLEAN = "Leak guard: clean."
DOCUMENTS_NAME = "documents"


def read_task(folder: Path) -> Task:
    """Read a task folder whole: whatever is in it becomes a task or a `TaskError`.

    Raises:
        TaskError: with file, line, field, value and fix of the first fault.
    """
    try:
        return _read_whole(folder)
    except TaskError:
        raise
    except Exception as error:  # the border: no file of a task may stop the others
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)[:160] or repr(error)[:160]
        raise TaskError(
            f"The task folder '{folder.name}' cannot be read: {reason}.",
            "Correct its files; docs/tasks.md shows their form.",
        ) from error


def _read_whole(folder: Path) -> Task:
    definition = _read_definition(folder / "task.toml")
    kind = AnswerKind(definition.answer.kind)
    schema = _read_schema(folder, definition)
    answer = AnswerSpec(
        kind=kind, labels=tuple(definition.answer.labels), json_schema=schema, refusal=definition.answer.refusal,
        label_words=_checked_words(definition),
    )  # fmt: skip
    _check_scoring(definition, kind)
    examples = _read_examples(folder / "examples.jsonl", answer)
    _check_splits(definition, examples)
    documents = _read_documents(folder, definition)
    rules = tuple(Rule(**rule.model_dump()) for rule in definition.scoring.rules)
    _try_rules(rules, examples)
    task = Task(
        id=definition.id,
        title=definition.title,
        summary=definition.summary,
        instructions=definition.instructions.strip(),
        answer=answer,
        primary_scorer=definition.scoring.primary,
        scorers=tuple(definition.scoring.scorers),
        examples=examples,
        documents=documents,
        rules=rules,
        licence=definition.licence,
        card=_in_todays_words(definition.card),
        source=definition.source,
        locale=_checked_locale(definition.locale),
        template=read_template(folder / TEMPLATE_NAME),
    )
    return replace(task, digest=task_digest(task))


def _checked_words(definition: TaskFile) -> Mapping[str, str]:
    if fault := label_word_fault(definition.answer.labels, definition.label_words):
        what, fix = fault
        raise TaskError(f"task.toml: field 'label_words': {what}", fix)
    return definition.label_words


def _checked_locale(locale: str) -> str:
    if not is_known_locale(locale):
        raise TaskError(
            f"task.toml: field 'locale': '{locale}' is not known.",
            "Write a language, such as 'de' or 'de-CH', or 'mul' for several.",
        )
    return locale


def _in_todays_words(card: Mapping[str, str]) -> Mapping[str, str]:
    """Say what was searched where an earlier version called a task clean after a search that missed changed words."""
    said = card.get("leak_guard", "")
    if not said.startswith(_OLD_CLEAN):
        return card
    searched = said.removeprefix(_OLD_CLEAN).strip().removesuffix(".")
    return {**card, "leak_guard": f"The leak check found nothing ({searched})."}


def old_digest(folder: Path) -> str:
    """Return the digest under which runs of version 1 kept a task: it left out what is in the rows' metadata."""
    definition = _read_definition(folder / "task.toml")
    task = read_task(folder)
    digest = hashlib.sha256(definition.model_dump_json(exclude={"locale", "label_words"}).encode())
    digest.update(json.dumps(task.answer.json_schema, sort_keys=True).encode())
    for example in task.examples:
        digest.update(json.dumps([example.id, example.input, example.target, example.split]).encode())
    for document in task.documents:
        digest.update(json.dumps([document.name, document.text]).encode())
    return digest.hexdigest()


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES or not path.is_file():
            raise TaskError(
                f"{path.name} is not a file, or is larger than {say.size(MAX_FILE_BYTES)}.",
                "Put a smaller file in its place.",
            )
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TaskError(
            f"{path.parent.name}/{path.name} is missing.", "Add it; docs/tasks.md shows its form."
        ) from None
    except UnicodeDecodeError as error:
        raise TaskError(f"{path.name} is not UTF-8 at byte {error.start}.", "Save it as UTF-8.") from error
    except OSError as error:
        raise TaskError(f"{path.name} cannot be read ({error.strerror}).", "Check its permissions.") from error


def _read_definition(path: Path) -> TaskFile:
    try:
        return TaskFile.model_validate(tomllib.loads(_read_text(path)))
    except ValidationError as error:
        raise TaskError(f"task.toml: {_first_fault(error)}", "docs/tasks.md lists the keys.") from error
    except ValueError as error:
        raise TaskError(f"task.toml: {error}.", "Correct this line.") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"]) or "row"
    value = str(fault.get("input", ""))[:60]
    return f"field '{place}': {fault['msg']} (value {value!r})."


def _read_schema(folder: Path, definition: TaskFile) -> Mapping[str, Any] | None:
    name = definition.answer.schema_file
    if definition.answer.kind != "json":
        return None
    if not name or Path(name).name != name:
        raise TaskError(f"task.toml: field 'answer.schema_file': {name!r} is not a file beside it.", "Name one.")
    return read_schema(name, _read_text(folder / name))


def _check_scoring(definition: TaskFile, kind: AnswerKind) -> None:
    scoring = definition.scoring
    for name in [scoring.primary, *scoring.scorers]:
        known = sorted(n for n in KINDS if kind in KINDS[n])
        if name not in known:
            raise TaskError(
                f"task.toml: field 'scoring': '{name}' does not score answers of kind '{kind}'.",
                f"Choose from {', '.join(known)}.",
            )
    if scoring.primary not in scoring.scorers or scoring.primary in RUN_SCORERS or scoring.primary not in SCORERS:
        raise TaskError(
            f"task.toml: field 'scoring.primary': '{scoring.primary}' must be among the scorers and score single rows.",
            "Choose another one.",
        )
    for rule in scoring.rules:
        forms = [rule.pattern, rule.forbid, rule.max_words_after]
        if sum(form is not None for form in forms) != 1 or (rule.max_words_after is None) != (rule.max_words is None):
            raise TaskError(
                f"task.toml: rule '{rule.name}' needs exactly one of pattern, forbid, max_words_after with max_words.",
                "Correct the rule.",
            )
        for form in forms:
            fault = pattern_fault(form or "")
            if fault is not None:
                raise TaskError(f"task.toml: rule '{rule.name}': {fault}.", "Correct the expression.")
    if kind is AnswerKind.LABEL and len(set(definition.answer.labels)) < 2:
        raise TaskError("task.toml: field 'answer.labels': at least two labels are needed.", "Name them.")


def _try_rules(rules: Sequence[Rule], examples: Sequence[Example]) -> None:
    """Search the right answers of some rows, so that an expression that takes too long is told before a run."""
    for rule in rules:
        for form in filter(None, (rule.pattern, rule.forbid, rule.max_words_after)):
            for example in examples[:ROWS_TRIED]:
                try:
                    found_end(form, example.target)
                except TimeoutError:
                    raise TaskError(
                        f"task.toml: rule '{rule.name}': the expression takes longer than {SEARCH_S:g} s on the target "
                        f"of row '{example.id}'.",
                        "Write it without repetitions inside repetitions, such as (a+)+.",
                    ) from None


def _read_examples(path: Path, answer: AnswerSpec) -> tuple[Example, ...]:
    examples: list[Example] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(_read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = RowLine.model_validate_json(line)
        except ValidationError as error:
            raise TaskError(f"{path.name}, line {number}: {_first_fault(error)}", "Correct this line.") from error
        if row.id in seen:
            raise TaskError(
                f"{path.name}, line {number}: field 'id': '{row.id}' is already used on line {seen[row.id]}.",
                "Give each row its own id.",
            )
        seen[row.id] = number
        examples.append(_example(row, answer, f"{path.name}, line {number}"))
    if not examples:
        raise TaskError(f"{path.name} has no rows.", "Add examples.")
    return tuple(examples)


def _example(row: RowLine, answer: AnswerSpec, place: str) -> Example:
    target = row.target
    if answer.kind is AnswerKind.LABEL and target not in answer.labels:
        raise TaskError(f"{place}: field 'target': {target!r} is not a label.", f"Labels: {', '.join(answer.labels)}.")
    if answer.kind is AnswerKind.JSON:
        if not isinstance(target, dict):
            raise TaskError(f"{place}: field 'target': a JSON object is expected.", "Write the record as an object.")
        fault = schema_fault(answer.json_schema or {}, target)
        if fault is not None:
            raise TaskError(f"{place}: field 'target': {fault}.", "Correct it, or the schema.")
    elif not isinstance(target, str) or not target.strip():
        raise TaskError(f"{place}: field 'target': {target!r} is not text.", "Write the right answer as text.")
    text = target if isinstance(target, str) else json.dumps(target, ensure_ascii=False)
    return Example(id=row.id, input=row.input, target=text, split=row.split, metadata=row.metadata)


def _check_splits(definition: TaskFile, examples: tuple[Example, ...]) -> None:
    for name, wanted in definition.splits.items():
        found = sum(example.split == name for example in examples)
        if found != wanted:
            raise TaskError(
                f"task.toml: field 'splits.{name}': {wanted} rows are declared, examples.jsonl has {found}.",
                "Make them agree.",
            )


def _read_documents(folder: Path, definition: TaskFile) -> tuple[Document, ...]:
    if definition.documents is None:
        return ()
    name = definition.documents.folder
    if Path(name).name != name or name in {"", ".", ".."}:
        raise TaskError(f"task.toml: field 'documents.folder': '{name}' must be a folder beside it.", "Name one.")
    documents = []
    for path in sorted((folder / name).glob("*.md")):
        if path.stat().st_size > MAX_DOCUMENT_BYTES:
            raise TaskError(f"{name}/{path.name} is larger than 5 MB.", "Split it.")
        documents.append(Document(name=path.name, text=_read_text(path)))
    if not documents:
        raise TaskError(f"The folder '{name}' has no Markdown files.", "Add documents or leave the table out.")
    return tuple(documents)


def write_task(task: Task, folder: Path) -> None:
    """Write a task as a folder of the same form, whole or not at all; an existing one is replaced.

    Raises:
        TaskError: the disk refuses.
    """
    definition: dict[str, Any] = {
        "id": task.id,
        "title": task.title,
        "summary": task.summary,
        "instructions": task.instructions,
        "licence": task.licence,
        "answer": {"kind": str(task.answer.kind)},
        "scoring": {"primary": task.primary_scorer, "scorers": list(task.scorers)},
        "splits": {name: len(task.split(name)) for name in sorted({e.split for e in task.examples})},
        "card": dict(task.card),
        "source": dict(task.source),
    }
    if task.locale:
        definition["locale"] = task.locale
    if task.answer.labels:
        definition["answer"]["labels"] = list(task.answer.labels)
    if task.answer.refusal:
        definition["answer"]["refusal"] = task.answer.refusal
    if task.answer.json_schema is not None:
        definition["answer"]["schema_file"] = SCHEMA_NAME
    if task.answer.label_words:
        definition["label_words"] = dict(task.answer.label_words)
    if task.rules:
        definition["scoring"]["rules"] = [
            {key: value for key, value in asdict(rule).items() if value is not None} for rule in task.rules
        ]
    if task.documents:
        definition["documents"] = {"folder": DOCUMENTS_NAME}
    lines = [
        json.dumps(
            {
                "id": e.id,
                "input": e.input,
                "target": json.loads(e.target) if task.answer.kind is AnswerKind.JSON else e.target,
                "split": e.split,
                "metadata": dict(e.metadata),
            },
            ensure_ascii=False,
        )
        for e in task.examples
    ]
    try:
        with whole_folder(folder) as partial:
            (partial / "task.toml").write_text(tomli_w.dumps(definition), encoding="utf-8")
            (partial / "examples.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
            if task.answer.json_schema is not None:
                (partial / SCHEMA_NAME).write_text(json.dumps(task.answer.json_schema), encoding="utf-8")
            if task.template != ENGLISH:
                (partial / TEMPLATE_NAME).write_text(template_text(task.template), encoding="utf-8")
            for document in task.documents:
                (partial / DOCUMENTS_NAME).mkdir(exist_ok=True)
                (partial / DOCUMENTS_NAME / document.name).write_text(document.text, encoding="utf-8")
    except OSError as error:
        what = f"The task cannot be written ({error.strerror})."
        raise TaskError(what, "Free some space or check the permissions.") from error
