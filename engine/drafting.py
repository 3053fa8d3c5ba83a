"""Instructions drafted from the data: a beginning that works, to be edited by whoever knows the task. Pure."""

from __future__ import annotations

from engine.task import AnswerKind, AnswerSpec


def draft_instructions(answer: AnswerSpec, *, target: str) -> str:
    """Draft the instructions for a kind of answer; `target` is the name of the column with the right answers."""
    what = " ".join(target.replace("_", " ").split()) or "answer"
    if answer.kind is AnswerKind.LABEL:
        labels = "\n".join(answer.labels)
        return f"Classify the message into one {what}:\n{labels}\nAnswer with the name only."
    if answer.kind is AnswerKind.JSON:
        properties = (answer.json_schema or {}).get("properties", {})
        fields = "\n".join(f"{name}: {_type(rule['type'])}" for name, rule in properties.items())
        return f"Read the text and fill these fields:\n{fields}\nAnswer with one JSON object only."
    if answer.kind is AnswerKind.TEXT:
        return f"Write the {what} for the text. Answer with the {what} only."
    return f"Answer with the {what} only."


def _type(kinds: str | list[str]) -> str:
    return kinds if isinstance(kinds, str) else " or ".join(kinds)
