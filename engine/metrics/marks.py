"""What a figure is: measured here, or something else that its mark says, in the same words wherever it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum


class Mark(StrEnum):
    """How a figure came about. One that is several of these has the first that applies, in the order of `SIGNS`."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    SHARED = "shared"
    SERVER = "server"
    SIMULATED = "simulated"
    IMPORTED = "imported"

    @property
    def sign(self) -> str:
        """The word beside a figure; empty for what was measured here, which is the rule and needs none."""
        return SIGNS.get(self, "")

    @property
    def sentence(self) -> str:
        """What the mark says, as the end of a sentence."""
        return SENTENCES[self]


SIGNS: Mapping[Mark, str] = {
    Mark.ESTIMATED: "est.",
    Mark.SHARED: "shared",
    Mark.SERVER: "server's",
    Mark.SIMULATED: "sim.",
    Mark.IMPORTED: "imported",
}
SENTENCES: Mapping[Mark, str] = {
    Mark.MEASURED: "timed or counted here",
    Mark.ESTIMATED: "computed from assumptions, such as a price or a power",
    Mark.SHARED: "of processes that several variants use, so not one variant's alone",
    Mark.SERVER: "reported by the server that answered",
    Mark.SIMULATED: "measured on rows made from the task's own, or on answers by a rule instead of a model",
    Mark.IMPORTED: "measured on another machine",
}
_NOTHING = frozenset({"", "\N{EN DASH}"})
"""How a figure that does not exist is written; it gets no mark."""


def marked(text: str, mark: Mark) -> str:
    """Write a figure or a heading with its mark: `0.4 ¢ (est.)`, `Peak memory (shared)`, `total, USD (log, est.)`."""
    return _with_sign(text, mark.sign)


def _with_sign(text: str, sign: str) -> str:
    if not sign or text in _NOTHING:
        return text
    return f"{text[:-1]}, {sign})" if text.endswith(")") else f"{text} ({sign})"


def heading(title: str, marks: Sequence[Mark]) -> str:
    """Write a column's heading with the mark that all of its figures have; without one where they differ."""
    return marked(title, marks[0]) if len(set(marks)) == 1 else title


def cell(text: str, mark: Mark, marks: Sequence[Mark]) -> str:
    """Write a figure of a column, with its mark where the heading has none for all of them."""
    return text if len(set(marks)) == 1 else marked(text, mark)


def foremost(marks: Iterable[Mark]) -> Mark:
    """Return the one mark for figures that are shown as one, as on an axis: the first in the order of `SIGNS`."""
    shown = set(marks)
    return next((mark for mark in SIGNS if mark in shown), Mark.MEASURED)


def heading_of_numbers(title: str, marks: Sequence[Mark]) -> str:
    """Write the heading of a column of bare numbers: `Cost (est. or server's)`, `Tokens (partly server's)`."""
    signs = " or ".join(sign for mark, sign in SIGNS.items() if mark in marks)
    return _with_sign(title, f"partly {signs}" if signs and Mark.MEASURED in marks else signs)


def explained(title: str, about: str, marks: Sequence[Mark]) -> tuple[str, str]:
    """Return a column's heading with its mark, and the sentence about it with what the mark says."""
    return heading_of_numbers(title, marks), with_sentences(about, marks)


def with_sentences(about: str, marks: Sequence[Mark]) -> str:
    """Return the sentence about a figure with what its marks say."""
    return " ".join([about, *(f"{mark.sign}: {mark.sentence}." for mark in SIGNS if mark in marks)])


def legend(marks: Iterable[Mark]) -> str:
    """Say in a line what the marks beside some figures mean; empty where all of them were measured here."""
    shown = set(marks)
    told = [f"{mark.sign}: {mark.sentence}" for mark in SIGNS if mark in shown]
    return f"Unmarked: {Mark.MEASURED.sentence}; {'; '.join(told)}." if told else ""
