"""What a user chooses on the way from a file to a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.core.task import AnswerKind, Document
from engine.ingest.build_task import SplitPlan
from engine.ingest.columns import Roles
from engine.ingest.data_card import Fix
from engine.ingest.leaks.record import LeakFix
from engine.ingest.leaks.thresholds import DEFAULT_SIMILARITY
from engine.ingest.table import ReadOptions

ENCODINGS = (
    "utf-8",
    "utf-16",
    "cp1252",
    "latin-1",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "cp1258",
    "cp874",
    "iso8859-2",
    "iso8859-15",
    "koi8-r",
    "cp850",
    "cp852",
    "cp866",
    "mac-roman",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5",
    "cp949",
)
"""What a user may choose from when the guess is wrong."""
TABLE_EXTENSIONS = ("csv", "tsv", "tab", "txt", "xlsx", "xlsm", "jsonl", "ndjson", "json", "parquet")
"""Of files that are read as tables."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportOptions:
    """What a user chooses on the way; what is left open is detected, guessed or drafted."""

    reading: ReadOptions = field(default_factory=ReadOptions)
    roles: Roles | None = None
    kind: AnswerKind | None = None
    fixes: Mapping[str, Fix] = field(default_factory=dict)
    split: SplitPlan | None = None
    """None: by the split column if there is one, else drawn by seed."""
    documents: tuple[Document, ...] = ()
    similarity: float = DEFAULT_SIMILARITY
    leaks: LeakFix = LeakFix.KEEP
    title: str = ""
    instructions: str | None = None
    """None: as they are drafted."""
    locale: str | None = None
    """By which answers are compared, such as `de` or `de-CH`; None: by the languages of the table."""
    instruction_language: str = ""
    """Of drafted instructions and of what prompts add to them: a code of ISO 639-1; `auto` for that of the rows, empty
    for English."""
    label_words: Mapping[str, str] = field(default_factory=dict)
    """By label, the word that stands for it in prompts."""

    def read_as(self, reading: ReadOptions) -> ImportOptions:
        """Read the file in another way; what was chosen for its columns, findings and splits no longer applies."""
        return replace(self, reading=reading, roles=None, kind=None, fixes={}, split=None, label_words={})

    def use_columns(self, roles: Roles, *, instead_of: Roles) -> ImportOptions:
        """Change the roles of columns: the kind of a new target is guessed, and a new split column is used."""
        split = self.split
        if split is not None and roles.split != instead_of.split:
            split = replace(split, column=roles.split, meanings={})
        if roles.target == instead_of.target:
            return replace(self, roles=roles, split=split)
        return replace(self, roles=roles, kind=None, split=split, label_words={})
