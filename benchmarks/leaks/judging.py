"""What was found of what was planted, and which flagged pairs of a table with labels are false alarms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.leaks.planting import Plant
from engine.ingest.data_card import Row
from engine.ingest.leaks.pairs import LeakPair

PART = "; "
"""Between the parts of a label that has several, as those of made-up mails have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarms:
    """Flagged pairs of a table's own rows, by whether they are about the same."""

    false: tuple[tuple[Row, Row, LeakPair], ...]
    """They are about different things, and none of the planted changes explains them."""
    twins: int
    """Test rows that truly have a copy with one change that is about something else: listed, not counted."""
    same_label: int
    """Test rows flagged with a row about the same that no single change explains: nobody knows."""


def found_plants(plants: Mapping[int, tuple[int, Plant]], pairs: Sequence[LeakPair]) -> Counter[str]:
    """Count planted rows that were found together with their own base, by kind; keys are places of test rows."""
    told = {(int(pair.test_id), pair.other_id) for pair in pairs}
    return Counter(plant.kind for place, (base, plant) in plants.items() if (place, str(base)) in told)


def judge_alarms(rows: Mapping[int, Row], planted: frozenset[int], pairs: Sequence[LeakPair]) -> Alarms:
    """Judge the flagged pairs in which no planted row takes part."""
    false, twins, same = [], set(), set()
    for pair in pairs:
        if int(pair.test_id) in planted or int(pair.other_id) in planted:
            continue
        one, other = rows[int(pair.test_id)], rows[int(pair.other_id)]
        explained = is_one_change(one.input, other.input)
        if is_about_the_same(one.target, other.target):
            if not explained:
                same.add(one.place)
        elif explained:
            twins.add(one.place)
        else:
            false.append((one, other, pair))
    return Alarms(false=tuple(false), twins=len(twins), same_label=len(same))


def is_about_the_same(one: str, other: str) -> bool:
    """Tell whether two labels are equal; of labels made of parts, whether half of the longer one's are in both."""
    parts, others = set(one.split(PART)), set(other.split(PART))
    return 2 * len(parts & others) >= max(len(parts), len(others))


def is_one_change(one: str, other: str) -> bool:
    """Tell whether case, punctuation, order, one letter or one word is all that differs; told without the engine."""
    words = [_words(text) for text in (one, other)]
    counts, others = Counter(words[0]), Counter(words[1])
    if (counts - others).total() <= 1 >= (others - counts).total():
        return True
    return _distance_at_most_one("".join(words[0]), "".join(words[1]))


def share(found: Counter[str], plants: Sequence[Plant], *, kinds: Collection[str]) -> float:
    """Return the share that was found of the planted rows of some kinds."""
    return sum(found[kind] for kind in set(kinds)) / max(sum(plant.kind in kinds for plant in plants), 1)


def _words(text: str) -> list[str]:
    return "".join(sign if sign.isalnum() else " " for sign in text.lower()).split()


def _distance_at_most_one(one: str, other: str) -> bool:
    """Compare by trying every deletion, which also finds replaced and exchanged letters."""
    if abs(len(one) - len(other)) > 1:
        return False
    less = {one[:place] + one[place + 1 :] for place in range(len(one))}
    others = {other[:place] + other[place + 1 :] for place in range(len(other))}
    return one == other or one in others or other in less or (len(one) == len(other) and bool(less & others))
