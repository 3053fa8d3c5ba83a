"""What `task.toml` and a line of `examples.jsonl` may hold. Unknown keys are refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Answer(_Strict):
    kind: Literal["label", "short", "json", "text"]
    labels: list[Text] = []
    schema_file: str | None = None
    refusal: str | None = None


class _Rule(_Strict):
    name: Text
    pattern: str | None = None
    forbid: str | None = None
    max_words_after: str | None = None
    max_words: int | None = None


class _Scoring(_Strict):
    primary: Text
    scorers: list[Text]
    rules: list[_Rule] = []


class _Documents(_Strict):
    folder: str = "documents"
    about: str = ""


class TaskFile(_Strict):
    """`task.toml`, as docs/tasks.md describes it."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: Text
    summary: str = ""
    instructions: Text
    licence: str = ""
    locale: str = ""
    answer: _Answer
    label_words: dict[Text, str] = {}
    scoring: _Scoring
    splits: dict[str, int] = {}
    documents: _Documents | None = None
    card: dict[str, str] = {}
    source: dict[str, Any] = {}


class TemplateFile(_Strict):
    """`prompt.toml`: the sentences around rows. What is left out is as the app has it in that language."""

    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] = "en"
    label_frame: Text | None = None
    short_frame: Text | None = None
    json_frame: Text | None = None
    text_frame: Text | None = None
    listed: Text | None = None
    comma: Text | None = None
    brief_label: Text | None = None
    brief_fields: Text | None = None
    brief_json: Text | None = None
    brief_short: Text | None = None
    brief_refusal: Text | None = None
    brief_text: Text | None = None


class RowLine(_Strict):
    """A line of `examples.jsonl`."""

    id: Text
    input: Text
    target: str | dict[str, Any]
    split: Text
    metadata: dict[str, Any] = {}
