"""Embedders: listed, and chosen for a task."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.embedder import EmbedderState
from engine.core.steps import CancelSignal
from engine.core.task import Task, task_digest
from engine.core.text.languages import Languages, tell_languages
from engine.core.text.token_estimate import estimated_text_tokens
from engine.ingest.intake import compare_meanings
from engine.ingest.leaks.pairs import LeakPair
from engine.ingest.progress import Report
from engine.ingest.steps import Split, sides_of
from engine.metrics.budget import embedding_usd
from engine.running.preflight.embedders import AUTO, EmbedderChoice, choose_embedders, is_path
from engine.running.preflight.remote_embedders import remote_embedders
from engine.services.workspace import Workspace

COUNTED_ROWS = 300
"""Rows whose tokens are looked up in a vocabulary, drawn by a fixed seed."""
MOST_REMEMBERED = 20
"""Tasks and tables whose languages are remembered: a screen plans at every touch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteOffer:
    """What embedding a task on another machine means."""

    host: str
    cost_usd: float | None
    """Of its rows and documents, once; None where no price is known."""


class Embedders:
    """The embedders of this machine. Safe to use from several threads."""

    def __init__(self, workspace: Workspace) -> None:
        """List those of this retriever."""
        self._retriever, self._tasks, self._intake = workspace.retriever, workspace.tasks, workspace.intake
        self._languages: dict[str, Languages] = {}
        self._lock = threading.Lock()

    def list(self) -> Sequence[EmbedderState]:
        """List them, the bundled one first; none is loaded."""
        return self._retriever.embedders()

    def choose(self, task: Task, wanted: str | None = None) -> EmbedderChoice:
        """Choose the embedders of a run on a task: by name or folder, several with commas, or by its rows' language.

        Rows of the test split are not read for it, unless there are no others.

        Raises:
            UsageError: there is none of this name.
        """
        others = [example.input for example in task.examples if example.split != "test"]
        rows = others or [example.input for example in task.examples]

        def unknown_share(embedder: str) -> float | None:
            drawn = random.Random(0).sample(rows, min(len(rows), COUNTED_ROWS))
            return self._retriever.unknown_share(drawn, embedder)

        asked = [name.strip() for name in (wanted or AUTO).split(",") if name.strip()]
        known = [state.facts for state in self.list()]
        ids = {facts.id for facts in known}
        names = [self._retriever.embedder_at(name).id if is_path(name) and name not in ids else name for name in asked]
        if any(name not in ids for name in names):
            known = [state.facts for state in self.list()]
        return choose_embedders(",".join(names), known, self._languages_of(_name_of(task, rows), rows), unknown_share)

    def languages(self, task: Task) -> Languages:
        """Return the languages of a task's rows."""
        rows = [example.input for example in task.examples]
        return self._languages_of(_name_of(task, rows), rows)

    def hosts(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the hosts that the embedders of these names send texts to; none for those on this machine."""
        wanted = set(names)
        found = (state.facts for state in self.list()) if wanted else ()
        return tuple(dict.fromkeys(one.sends_to for one in found if one.name in wanted and one.sends_to))

    def offer(self, task: Task, name: str) -> RemoteOffer | None:
        """Say where an embedder of this name would be sent a task, and at what cost; None for one on this machine."""
        known = [state.facts for state in self.list() if state.facts.name == name]
        remote = next(iter(remote_embedders(known)), None)
        if remote is None:
            return None
        texts = [*(example.input for example in task.examples), *(document.text for document in task.documents)]
        tokens = sum(map(estimated_text_tokens, texts))
        cost = None if remote.prices is None else embedding_usd(remote.prices, tokens)
        return RemoteOffer(host=remote.host, cost_usd=cost)

    def for_texts(self, texts: Sequence[str]) -> EmbedderChoice:
        """Choose the one that reads the language of texts that are not a task yet."""
        key = hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()
        known = [state.facts for state in self.list()]
        return choose_embedders(AUTO, known, self._languages_of(key, texts), lambda _id: None)

    def find_meanings(self, split: Split, *, report: Report, cancel: CancelSignal) -> tuple[LeakPair, ...]:
        """Find test rows that say the same as a row on the learning side, with the one that reads their language.

        Raises:
            UsageError: a run is in progress.
            RetrievalError: there is no embedder.
            CancelledError: it was stopped.
        """
        sides = sides_of(split)
        embedder = self.for_texts([item.text for side in sides for item in side]).ids[0]
        return tuple(compare_meanings(self._intake, sides, embedder=embedder, report=report, cancel=cancel))

    def _languages_of(self, key: str, rows: Sequence[str]) -> Languages:
        """Return the languages of rows, remembered under a key."""
        with self._lock:
            if key not in self._languages:
                while len(self._languages) >= MOST_REMEMBERED:
                    self._languages.pop(next(iter(self._languages)))
                self._languages[key] = tell_languages(rows)
            return self._languages[key]


def _name_of(task: Task, rows: Sequence[str]) -> str:
    """Name some of a task's rows, by which their languages are remembered."""
    return f"{task.digest or task_digest(task)} {len(rows)}"
