"""Reading and writing `prompt.toml`: the sentences around a task's rows, beside its definition."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, replace
from pathlib import Path

import tomli_w
from pydantic import ValidationError

from adapters.storage.task_file import TemplateFile
from engine.core.errors import TaskError
from engine.core.text.prompt_template import ENGLISH, PLACEHOLDERS, TEMPLATES, PromptTemplate
from engine.core.text.safe_text import visible

TEMPLATE_NAME = "prompt.toml"
_FIX = "docs/tasks.md lists the sentences."
_MOST_BYTES = 100_000


def read_template(path: Path) -> PromptTemplate:
    """Read a task's sentences; the English ones where it has no such file.

    Raises:
        TaskError: with the field and the fix of the first fault.
    """
    if not path.exists():
        return ENGLISH
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise TaskError(f"{TEMPLATE_NAME} is larger than {_MOST_BYTES // 1000} kB.", _FIX)
        found = TemplateFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        value = str(fault.get("input", ""))[:60]
        raise TaskError(f"{TEMPLATE_NAME}: field '{place}': {fault['msg']} (value {value!r}).", _FIX) from error
    except (OSError, ValueError) as error:
        raise TaskError(f"{TEMPLATE_NAME} cannot be read: {str(error)[:160]}.", _FIX) from error
    own = found.model_dump(exclude_none=True)
    for name, sentence in own.items():
        wanted = PLACEHOLDERS.get(name, "")
        if wanted not in sentence:
            raise TaskError(f"{TEMPLATE_NAME}: field '{name}': {sentence[:60]!r} has no {wanted}.", "Put it in.")
        if visible(sentence) != sentence:
            what = f"{TEMPLATE_NAME}: field '{name}' has characters that do not show: '{visible(sentence)[:60]}'."
            raise TaskError(what, "Remove them.")
    return replace(TEMPLATES.get(found.language, ENGLISH), **own)


def template_text(template: PromptTemplate) -> str:
    """Write the sentences as the file holds them."""
    return tomli_w.dumps(asdict(template), multiline_strings=True)
