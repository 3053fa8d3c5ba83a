"""Which embedder a run uses: the user's, or the one that reads the language of the rows. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.core.embedder import (
    ENGLISH_EMBEDDER,
    MULTILINGUAL_EMBEDDER,
    MULTILINGUAL_INSTALL,
    MULTILINGUAL_LANGUAGES,
    EmbedderFacts,
    EmbedderHandicap,
    RemoteEmbedder,
    embedder_name,
    named_embedder,
)
from engine.core.errors import UsageError
from engine.core.text.languages import LEAST_SHARE, Languages, language_name
from engine.core.variant import SearchMode, Variant
from engine.metrics import wording as say
from engine.running.preflight.remote_embedders import remote_embedders

AUTO = "auto"
"""The embedder goes by the language of the rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbedderChoice:
    """The embedders of a run."""

    ids: tuple[str, ...] = ("",)
    """That of every variant first; with each further one, variants that retrieve or fit stand beside those."""
    handicaps: tuple[EmbedderHandicap, ...] = ()
    """Of those that were not trained on the language of the rows."""
    remote: tuple[RemoteEmbedder, ...] = ()
    """Those of them that are on other machines."""


def choose_embedders(
    wanted: str,
    known: Sequence[EmbedderFacts],
    languages: Languages,
    unknown_share: Callable[[str], float | None],
) -> EmbedderChoice:
    """Choose the embedders of a run.

    Auto takes the English one where it reads the rows, and else the multilingual one that is installed as a package.

    Args:
        wanted: names or ids, separated by commas; `auto` or empty leaves it to the rows.
        known: those of this machine.
        languages: of the rows.
        unknown_share: returns the share of the rows' tokens that an embedder, by id, does not know.

    Raises:
        UsageError: there is none of this name, or one is named twice.
    """
    names = [name.strip() for name in wanted.split(",") if name.strip()] or [AUTO]
    chosen = [
        _by_language(known, languages) if name.casefold() == AUTO else named_embedder(name, known) for name in names
    ]
    if len({facts.id for facts in chosen}) < len(chosen):
        raise UsageError(f"An embedder was chosen twice: {wanted}.", "Name each once.")
    by_itself = names[0].casefold() == AUTO
    handicaps = [
        EmbedderHandicap(
            embedder=facts.name,
            languages=unread,
            unknown_share=unknown_share(facts.id),
            full_text=by_itself and place == 0,
            install=MULTILINGUAL_INSTALL if by_itself and not _has_multilingual(known) else "",
        )
        for place, facts in enumerate(chosen)
        if (unread := _unread(facts, languages))
    ]
    return EmbedderChoice(
        ids=tuple(facts.id for facts in chosen), handicaps=tuple(handicaps), remote=remote_embedders(chosen)
    )


def is_path(name: str) -> bool:
    """Tell whether an embedder was named by its folder, or by its server."""
    return "/" in name or "\\" in name


def _by_language(known: Sequence[EmbedderFacts], languages: Languages) -> EmbedderFacts:
    """Return the English embedder where it reads the rows or nothing reads more of them, else the multilingual one."""
    english = named_embedder(ENGLISH_EMBEDDER, known)
    multilingual = next((facts for facts in known if facts.name == MULTILINGUAL_EMBEDDER), None)
    if multilingual is None or len(_unread(multilingual, languages)) >= len(_unread(english, languages)):
        return english
    return multilingual


def _has_multilingual(known: Sequence[EmbedderFacts]) -> bool:
    return any(facts.name == MULTILINGUAL_EMBEDDER for facts in known)


def _unread(facts: EmbedderFacts, languages: Languages) -> tuple[str, ...]:
    """Return the languages of a noticeable share of the rows that an embedder was not trained on."""
    return tuple(code for code, share in languages.shares if code and share >= LEAST_SHARE and not facts.reads(code))


def with_embedders(
    variants: Sequence[Variant], choice: EmbedderChoice, *, search: SearchMode | None
) -> tuple[Variant, ...]:
    """Give variants their embedders; beside each that retrieves or fits stands one for every further embedder.

    Args:
        variants: as specified without embedders.
        choice: of the embedders.
        search: how the user wants to search; without a wish, a handicap that says so makes it full-text.
    """
    lexical = search is None and any(handicap.full_text for handicap in choice.handicaps)
    first, *others = choice.ids
    made: list[Variant] = []
    for variant in variants:
        if not (variant.facts.retrieves or variant.facts.fits or variant.facts.shows_shots):
            made.append(variant)
            continue
        own = replace(variant, embedder=first)
        if own.retrieval is not None and lexical:
            own = replace(own, retrieval=replace(own.retrieval, mode=SearchMode.FULL_TEXT))
        made.append(own)
        if own.facts.retrieves or own.facts.fits:
            made += [
                replace(variant, id=f"{variant.id}@{embedder_name(embedder).replace('/', '-')}", embedder=embedder)
                for embedder in others
            ]
    return tuple(made)


def languages_of(facts: EmbedderFacts, *, missing: str = say.MISSING) -> str:
    """Say which languages an embedder was trained on: the one, or how many."""
    if len(facts.languages) == 1:
        return language_name(facts.languages[0])
    return f"{len(facts.languages)} languages" if facts.languages else missing


def handicap_sentences(handicaps: Sequence[EmbedderHandicap]) -> tuple[str, ...]:
    """Say for each embedder which languages of the rows it was not trained on, and what that means for the run."""
    return tuple(_handicap_sentence(handicap) for handicap in handicaps)


def meanings_sentence(choice: EmbedderChoice) -> str:
    """Say what a comparison of meanings may miss; empty where the embedder reads the language of the rows."""
    if not choice.handicaps:
        return ""
    handicap = choice.handicaps[0]
    languages = say.listed([language_name(code) for code in handicap.languages])
    missed = f"The embedder {handicap.embedder} was not trained on {languages}: rows that say the same may be missed."
    return " ".join([missed, *remedies(choice.handicaps)])


def remedies(handicaps: Sequence[EmbedderHandicap]) -> tuple[str, ...]:
    """Say which command installs an embedder that may help, where one is missing."""
    commands = dict.fromkeys(handicap.install for handicap in handicaps if handicap.install)
    return tuple(f"For an embedder of {say.number(MULTILINGUAL_LANGUAGES)} languages: {one}" for one in commands)


def _handicap_sentence(handicap: EmbedderHandicap) -> str:
    languages = say.listed([language_name(code) for code in handicap.languages])
    text = f"The embedder {handicap.embedder} was not trained on {languages}, in which rows are written"
    if handicap.unknown_share:
        text += f": {say.share(handicap.unknown_share)} of their tokens are unknown to it"
    if handicap.full_text:
        return (
            f"{text}. Retrieval therefore goes by what is written instead of its meaning, and a classifier may do "
            "worse than it could."
        )
    return f"{text}. Retrieval and classifier may do worse than they could."
