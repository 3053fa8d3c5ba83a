"""Which parts of a run and of its task go without something in the language of the rows. Pure functions.

Rows in English go without nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from engine.core.embedder import embedder_name
from engine.core.run.plan import RunPlan
from engine.core.task import AnswerKind, Task
from engine.core.text.answer_forms import language_of
from engine.core.text.coverage import (
    ABBREVIATED,
    BY_RUNS,
    IDENTIFIED,
    KEYBOARD_BY_LOCALE,
    NO_KEYBOARD,
    OTHER_ARTICLES,
    OWN_KEYBOARD,
    STEMMED,
    WITHOUT_FULL_STOP,
)
from engine.core.text.languages import LEAST_SHARE, Languages, language_name, tell_languages
from engine.core.text.prompt_template import ENGLISH
from engine.core.variant import SearchMode
from engine.metrics import wording as say


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingPart:
    """Something that a run goes without."""

    part: str
    """In words that follow "without"."""
    languages: tuple[str, ...]
    """ISO 639-1 codes of the rows' languages for which it is missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguageParts:
    """The languages of a task's rows, what embedded them, and what is missing for them."""

    languages: tuple[str, ...] = ()
    """ISO 639-1 codes, the most frequent first; none where all rows are in English, or their language is not known."""
    embedders: tuple[str, ...] = ()
    """Names of those whose vectors decided an answer."""
    missing: tuple[MissingPart, ...] = ()

    def sentence(self) -> str:
        """Say it; empty where all rows are in English."""
        if not self.languages:
            return ""
        named = say.listed([language_name(code) for code in self.languages])
        text = f"Rows are in {named}"
        text += f"; the embedder is {say.listed(self.embedders)}." if self.embedders else "."
        if not self.missing:
            return text
        foreign = [code for code in self.languages if code != ENGLISH.language]
        told = [
            missing.part if len(missing.languages) == len(foreign) else f"{missing.part} ({_names(missing.languages)})"
            for missing in self.missing
        ]
        return f"{text} Missing for {_names(foreign)}: {_all(told)}."


def _names(codes: Sequence[str]) -> str:
    return say.listed([language_name(code) for code in codes])


def _all(parts: Sequence[str]) -> str:
    """List parts that may have commas of their own."""
    return say.listed(parts) if len(parts) < 3 else f"{'; '.join(parts[:-1])}; and {parts[-1]}"


def language_parts(plan: RunPlan, task: Task, languages: Languages) -> LanguageParts:
    """Find what a run goes without.

    Args:
        plan: its variants search, embed and are prompted.
        task: what it is about.
        languages: of the task's rows.
    """
    codes = tuple(code for code, share in languages.shares if code and share >= LEAST_SHARE)
    foreign = tuple(code for code in codes if code != ENGLISH.language)
    if not foreign:
        return LanguageParts()
    embedders = dict.fromkeys(embedder_name(variant.embedder) for variant in plan.variants if variant.embeds)
    found = chain.from_iterable(part(plan, task, languages, foreign) for part in PARTS)
    return LanguageParts(
        languages=codes, embedders=tuple(embedders), missing=tuple(one for one in found if one.languages)
    )


Found = Iterator[MissingPart]
Foreign = tuple[str, ...]
"""The codes of the rows' languages other than English."""


def _stems(plan: RunPlan, _task: Task, languages: Languages, foreign: Foreign) -> Found:
    searches = any(one.retrieval is not None and one.retrieval.mode is not SearchMode.VECTOR for one in plan.variants)
    if searches:
        by_runs = not languages.is_mixed and (languages.is_spaceless or languages.code in BY_RUNS)
        instead = "runs of characters" if by_runs else "whole words"
        unstemmed = foreign if languages.is_mixed else tuple(code for code in foreign if code not in STEMMED)
        yield MissingPart(part=f"stems in full-text search, which compares {instead}", languages=unstemmed)


def _abbreviations(plan: RunPlan, task: Task, _languages: Languages, foreign: Foreign) -> Found:
    if task.documents and any(one.reads_passages for one in plan.variants):
        unlisted = tuple(code for code in foreign if code not in ABBREVIATED | WITHOUT_FULL_STOP)
        yield MissingPart(part="abbreviations that do not end a sentence when documents are cut", languages=unlisted)


def _comparing(_plan: RunPlan, task: Task, _languages: Languages, foreign: Foreign) -> Found:
    if task.answer.kind is AnswerKind.LABEL:
        return
    if not task.locale:
        yield MissingPart(part="a locale, so that answers are compared as in English", languages=foreign)
    elif {"exact_match", "token_f1"} & set(task.scorers):
        articles = tuple(code for code in foreign if code in OTHER_ARTICLES)
        yield MissingPart(part="leaving out articles when answers are compared", languages=articles)


def _drift(_plan: RunPlan, task: Task, _languages: Languages, foreign: Foreign) -> Found:
    untyped = tuple(code for code in foreign if code in NO_KEYBOARD)
    yield MissingPart(part="neighbouring keys in the typos of the drift study", languages=untyped)
    other = KEYBOARD_BY_LOCALE - {language_of(task.locale)}
    strange = tuple(code for code in foreign if code in other or code not in OWN_KEYBOARD | NO_KEYBOARD)
    yield MissingPart(part="the language's own keyboard in the drift study", languages=strange)
    if not any(example.input.lower() != example.input.upper() for example in task.split("test")):
        yield MissingPart(part="changed case in the drift study", languages=foreign)


def _imported(plan: RunPlan, task: Task, _languages: Languages, foreign: Foreign) -> Found:
    """What an import could not look for; a task that was written as a folder was not looked through."""
    if "findings" in task.source:
        unknown = tuple(code for code in foreign if code not in IDENTIFIED)
        yield MissingPart(part="the countries' identity numbers in the search for personal data", languages=unknown)
    guard = task.source.get("leak_guard")
    if not isinstance(guard, Mapping):
        return
    if not guard.get("meanings"):
        yield MissingPart(part="a leak check by meaning", languages=foreign)
    elif unread := {code for one in plan.handicaps if one.full_text for code in one.languages}:
        those = tuple(code for code in foreign if code in unread)
        yield MissingPart(part="a leak check by meaning with an embedder of the language", languages=those)


def _instructions(plan: RunPlan, task: Task, _languages: Languages, foreign: Foreign) -> Found:
    if not any(variant.generates for variant in plan.variants):
        return
    said = [line for line in task.instructions.splitlines() if line.strip() not in task.answer.words.values()]
    written = {task.template.language} - {ENGLISH.language} or {code for code, _ in tell_languages(said).shares}
    yield MissingPart(
        part="instructions in the language of the rows",
        languages=tuple(code for code in foreign if code not in written),
    )


PARTS: tuple[Callable[[RunPlan, Task, Languages, Foreign], Found], ...] = (
    _stems, _abbreviations, _comparing, _drift, _imported, _instructions,
)  # fmt: skip
"""What may be missing, in the order in which it is said. A new part is one more function here."""
