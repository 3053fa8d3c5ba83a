"""What an index is made of: rows, and pieces of documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.retrieval.chunking import chunk_document
from engine.core.embedder import TextRole
from engine.core.task import Document


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """Something that a search can find."""

    id: str
    kind: str
    text: str
    source: str
    target: str = ""
    start: int | None = None
    """For a chunk: its place in the document, in characters."""
    end: int | None = None


def role_of(item: Item) -> TextRole:
    """A row is to be found by rows, which are like it; a piece of a document by rows, which ask for it."""
    return TextRole.QUERY if item.kind == "example" else TextRole.PASSAGE


def items_of(request: Mapping[str, Any]) -> list[Item]:
    """Make the items of a request's rows, which come first, and of its documents, cut into pieces."""
    examples = [
        Item(id=row["id"], kind="example", text=row["input"], source=row["id"], target=row["target"])
        for row in request["examples"]
    ]
    chunks = [
        chunk
        for row in request["documents"]
        for chunk in chunk_document(
            Document(name=row["name"], text=row["text"]),
            size_words=request["chunk_words"],
            overlap_words=request["overlap"],
        )
    ]
    return examples + [
        Item(id=chunk.id, kind="document", text=chunk.text, source=chunk.document, start=chunk.start, end=chunk.end)
        for chunk in chunks
    ]
