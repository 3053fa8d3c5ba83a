"""Which languages the text columns of a table are in, by split, and what is said about that. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.core.errors import UsageError
from engine.core.task import AnswerKind
from engine.core.text.answer_forms import MIXED, is_known_locale
from engine.core.text.languages import LEAST_SHARE, Languages, language_name, tell_languages
from engine.ingest.columns import SPLIT_NAMES, Roles
from engine.ingest.data_card import ColumnLanguages, Row
from engine.ingest.table import Table
from engine.metrics import wording as say

_WAYS = {"ltr": "left to right", "rtl": "right to left", "mixed": "both ways"}
_MOST_NAMED = 6
_TEXTS = frozenset({AnswerKind.SHORT, AnswerKind.TEXT})
"""The kinds of answer whose targets are texts."""


def column_languages(
    table: Table, rows: Sequence[Row], roles: Roles, kind: AnswerKind, splits: Mapping[int, str] | None = None
) -> tuple[ColumnLanguages, ...]:
    """Tell the languages of the inputs and of targets that are texts, by split where rows have one.

    `splits` are by the row's place, and rows without one are passed over; None takes them from the split column, as far
    as its cells name splits.
    """
    known = _named_splits(table, rows, roles) if splits is None else splits
    by_split: dict[str, list[int]] = {}
    for row in rows:
        if row.place in known:
            by_split.setdefault(known[row.place], []).append(row.place)
    columns = [*roles.inputs, *([roles.target] if kind in _TEXTS else [])]
    return tuple(
        ColumnLanguages(
            column=column,
            split=split,
            rows=len(places),
            languages=tell_languages([str(cells[place]) for place in places]),
        )
        for column in columns
        for cells in [table.column(column)]
        for split, places in by_split.items()
    )


def _named_splits(table: Table, rows: Sequence[Row], roles: Roles) -> dict[int, str]:
    if roles.split is None:
        return dict.fromkeys((row.place for row in rows), "")
    cells = table.column(roles.split)
    return {row.place: SPLIT_NAMES.get(str(cells[row.place]).strip().lower(), "") for row in rows}


def shares_in_words(languages: Languages) -> str:
    """Write languages: `German`, or `English 62 %, Arabic 38 %` where a table is mixed."""
    if not languages.shares:
        return "no letters"
    named = [(language_name(code), share) for code, share in languages.shares]
    if len(named) == 1:
        return named[0][0]
    shown = [f"{name} {say.share(share)}" for name, share in named[:_MOST_NAMED]]
    return ", ".join(shown) + (f", {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else "")


def scripts_in_words(languages: Languages) -> str:
    """Write the scripts, and the way that texts run."""
    scripts = ", ".join(name for name, _share in languages.scripts[:_MOST_NAMED]) or "none"
    spaces = "; no blanks between words" if languages.is_spaceless else ""
    return f"{scripts}; {_WAYS[languages.direction]}{spaces}"


def language_lines(found: Sequence[ColumnLanguages]) -> list[str]:
    """Write a line per column and split: `text, train (24 rows): German; Latin; left to right`."""
    return [
        f"{one.column}{', ' + one.split if one.split else ''} ({one.rows:,} rows): "
        f"{shares_in_words(one.languages)}; {scripts_in_words(one.languages)}"
        for one in found
    ]


def language_warnings(found: Sequence[ColumnLanguages]) -> list[str]:
    """Say which columns mix languages, and which languages are tested although no variant can learn from them."""
    warnings = []
    for column in dict.fromkeys(one.column for one in found):
        by_split = {one.split: one.languages for one in found if one.column == column}
        if any(languages.is_mixed for languages in by_split.values()):
            warnings.append(f"'{column}' has rows in more than one language.")
        train, test = by_split.get("train", Languages()), by_split.get("test", Languages())
        learned = {code for code, share in train.shares if share >= LEAST_SHARE}
        foreign = [code for code, share in test.shares if code and share >= LEAST_SHARE and code not in learned]
        if foreign and train.shares:
            names = say.listed([language_name(code) for code in foreign])
            warnings.append(f"'{column}': test rows are in {names}, and hardly any training row is.")
    return warnings


def import_locale(found: Sequence[ColumnLanguages], target: str, chosen: str | None) -> str:
    """Return the locale of a task: the chosen one, or that of its answers where they are texts, else of its inputs.

    Empty for English, `mul` for several languages and those whose forms of numbers and dates are not known.

    Raises:
        UsageError: the chosen one is not known.
    """
    if chosen is not None:
        if not is_known_locale(chosen.strip()):
            raise UsageError(
                f"The locale '{chosen}' is not known.",
                "Write a language, such as 'de' or 'de-CH', or 'mul' for several.",
            )
        return chosen.strip()
    languages = main_language([one for one in found if one.column == target] or found)
    if languages.is_english:
        return ""
    return languages.code if not languages.is_mixed and is_known_locale(languages.code) and languages.code else MIXED


def main_language(found: Sequence[ColumnLanguages]) -> Languages:
    """Return the languages of the first column: of its training rows if it has any."""
    first = [one for one in found if one.column == found[0].column] if found else []
    return next((one.languages for one in first if one.split == "train"), first[0].languages if first else Languages())
