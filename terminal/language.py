"""What is told of a task's languages in the terminal."""

from __future__ import annotations

from engine.core.task import Task
from engine.core.text.languages import tell_languages
from engine.ingest.row_languages import shares_in_words
from engine.ingest.token_price import token_price
from engine.services.lab import Lab


def token_note(lab: Lab, task: Task, model_id: str) -> str:
    """Say what a model pays for the language of a task's rows; empty if its rows have no text."""
    price = token_price(lab.tables, model_id, [example.input for example in task.examples], lab.tasks.english_texts())
    return "" if price is None else f"{model_id}: {price.sentence()}"


def language_note(lab: Lab, task: Task, model_id: str) -> str:
    """Say which language a task's test rows are in, and what a model pays for it; empty if that is English."""
    told = tell_languages([example.input for example in task.split("test")])
    if told.is_english:
        return ""
    return f"Language of the test rows: {shares_in_words(told)}. {token_note(lab, task, model_id)}".strip()
