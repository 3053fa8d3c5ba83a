"""Rows planted on both sides: a row that variants learn from, and the same row changed in one known way."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.leaks.mails import write_mail
from benchmarks.leaks.sentences_a import REWORDED as SET_A
from benchmarks.leaks.sentences_b import REWORDED as SET_B

EACH = 25
"""Rows planted of each kind."""
PARAPHRASE = "a paraphrase"
RETOLD = "retold freely"
REWORDED_MAILS = 10
"""Of the paraphrases; the others are sentences that a person reworded."""
LEAST_WORDS, MOST_WORDS = 6, 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Plant:
    """A planted pair."""

    kind: str
    base: str
    changed: str
    origin: str
    """Where the base is from: `mail`, `sentence` or `table`."""


def plant_rows(seed: int, table: Sequence[str]) -> list[Plant]:
    """Plant 200 rows of 6 to 40 words; half of those that are not reworded change a row of the table, if there is one.

    Odd seeds take rewordings from set A, even ones from set B, which have no sentence in common.
    """
    rng = random.Random(seed)
    usable = [text for text in table if LEAST_WORDS <= len(text.split()) <= MOST_WORDS]
    drawn = rng.sample(usable, min(len(usable), EACH * len(CHANGES)))
    plants = []
    for kind, change in CHANGES.items():
        for number in range(EACH):
            from_table = number % 2 == 0 and bool(drawn)
            base = drawn.pop() if from_table else write_mail(rng).text
            plants.append(
                Plant(kind=kind, base=base, changed=change(base, rng), origin="table" if from_table else "mail")
            )
    for base, close, _free in _sentences(seed)[: EACH - REWORDED_MAILS]:
        plants.append(Plant(kind=PARAPHRASE, base=base, changed=close, origin="sentence"))
    for _ in range(REWORDED_MAILS):
        mail = write_mail(rng)
        plants.append(Plant(kind=PARAPHRASE, base=mail.text, changed=mail.reworded, origin="mail"))
    return plants


def retell_rows(seed: int) -> list[Plant]:
    """Plant the other sentences, each with next to no word left: harder than a paraphrase has to be."""
    others = _sentences(seed)[EACH - REWORDED_MAILS :]
    return [Plant(kind=RETOLD, base=base, changed=free, origin="sentence") for base, _close, free in others]


def _sentences(seed: int) -> list[tuple[str, str, str]]:
    """Return the set of this seed in the order of this seed."""
    sentences = list(SET_A if seed % 2 else SET_B)
    random.Random(seed).shuffle(sentences)
    return sentences


def plant_short_rows(seed: int, table: Sequence[str]) -> list[Plant]:
    """Plant as many rows of 3 to 5 words of the table, changed in the same ways but for rewording."""
    rng = random.Random(1000 + seed)
    usable = [text for text in table if 3 <= len(text.split()) <= 5 and any(len(word) > 4 for word in text.split())]
    drawn = rng.sample(usable, min(len(usable), EACH * len(CHANGES)))
    kinds = [kind for kind in CHANGES for _ in range(EACH)]
    return [
        Plant(kind=kind, base=base, changed=CHANGES[kind](base, rng), origin="table")
        for kind, base in zip(kinds, drawn, strict=False)
    ]


def _case(text: str, rng: random.Random) -> str:
    return rng.choice((str.upper, str.title, str.swapcase))(text)


def _punctuation(text: str, rng: random.Random) -> str:
    words = text.translate(str.maketrans("", "", ",.?!;")).split()
    place = rng.randrange(1, len(words))
    return " ".join([*words[:place], rng.choice(("-", "...", ",")), *words[place:]]) + rng.choice(("!", " ?", ".."))


def _typing_error(text: str, rng: random.Random) -> str:
    """Leave out, double, replace or exchange letters of a word of at least four."""
    places = [place for place, letter in enumerate(text) if _inside(text, place)]
    place = rng.choice(places)
    letter = text[place]
    match rng.randrange(4):
        case 0:
            return text[:place] + text[place + 1 :]
        case 1:
            return text[:place] + letter + text[place:]
        case 2:
            other = rng.choice([one for one in string.ascii_lowercase if one != letter.lower()])
            return text[:place] + other + text[place + 1 :]
        case _:
            swapped = text[:place] + text[place + 1] + letter + text[place + 2 :]
            return swapped if swapped != text else text[:place] + text[place + 1 :]


def _inside(text: str, place: int) -> bool:
    """Tell whether a letter is followed by another one, in a word of at least four letters."""
    around = text[max(place - 3, 0) : place + 4]
    start = place - len(text[:place]) + len(text[:place].rstrip(string.ascii_letters))
    end = place + len(text[place:]) - len(text[place:].lstrip(string.ascii_letters))
    return bool(around) and end - start >= 4 and place + 1 < end


def _word_replaced(text: str, rng: random.Random) -> str:
    words = text.split()
    place = rng.randrange(len(words))
    words[place] = rng.choice([word for word in OTHER_WORDS if word != words[place].lower()])
    return " ".join(words)


def _words_exchanged(text: str, rng: random.Random) -> str:
    words = text.split()
    pairs = [(a, b) for a in range(len(words)) for b in range(a) if words[a].lower() != words[b].lower()]
    first, second = rng.choice(pairs)
    words[first], words[second] = words[second], words[first]
    return " ".join(words)


def _word_less(text: str, rng: random.Random) -> str:
    words = text.split()
    del words[rng.randrange(len(words))]
    return " ".join(words)


CHANGES: dict[str, Callable[[str, random.Random], str]] = {
    "exact": lambda text, _rng: text,
    "case": _case,
    "punctuation": _punctuation,
    "a typing error": _typing_error,
    "a word replaced": _word_replaced,
    "two words exchanged": _words_exchanged,
    "a word less": _word_less,
}
OTHER_WORDS = (
    "yellow", "garden", "seven", "quickly", "bridge", "paper", "winter", "small", "letter", "music", "always", "green",
    "window", "river", "second", "doctor", "under", "apple", "market", "silver",
)  # fmt: skip
