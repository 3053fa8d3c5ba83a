"""Plants 200 rows in each of seven scripts and counts what the leak guard finds, and its false alarms.

    python -m benchmarks.leaks.scripts
    python -m benchmarks.leaks.scripts --seed 1 --mails 500 --embedder multilingual-e5-small --languages ar,ko --later

Words are those of ICU's dictionaries where no blanks stand between them; case is changed where a script has it.
Meanings are compared by the bundled embedder unless another one is named. `--later` plants the paraphrases by hand that
were written after the guard was changed for those of `benchmarks.leaks.reworded`.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.leaks.judging import PART, found_plants, judge_alarms, share
from benchmarks.leaks.phrases import PHRASES, Phrases
from benchmarks.leaks.planting import PARAPHRASE, Plant
from benchmarks.leaks.reworded import REWORDED
from benchmarks.leaks.reworded_later import REWORDED_LATER
from engine.core.embedder import ENGLISH_EMBEDDER
from engine.core.text.segments import word_spans
from engine.ingest.data_card import Row
from engine.ingest.leaks.meaning import find_meaning_leaks
from engine.ingest.leaks.pairs import LeakPair
from engine.ingest.leaks.record import leak_sides
from engine.ingest.leaks.text_check import find_leaks
from wiring import open_lab

ROWS = 1_000
PLANTED, PARAPHRASES = 200, 25
KEPT_SHARE = 1 / 3
"""Parts that keep their words where a mail is reworded; their place changes all the same."""

Change = Callable[[str, random.Random], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """A mail and the same mail in other words."""

    text: str
    reworded: str
    parts: str


def write_mail(phrases: Phrases, rng: random.Random) -> Mail:
    """Make up a mail of two or three sentences; reworded, they come in another order and in other words."""
    values = {"price": f"{rng.randrange(30, 900)}", "order": f"{rng.choice('ABCDEFGH')}-{rng.randrange(1000, 9999)}"}
    drawn = [rng.choice(part) for part in (phrases.times, phrases.things, phrases.faults, phrases.requests)]
    drawn += rng.sample(phrases.details, rng.choice((0, 1, 2)))
    said = [(one.format(**values), other.format(**values)) for one, other in drawn]
    said = [(one, one) if rng.random() < KEPT_SHARE else (one, other) for one, other in said]
    sides = []
    for side in (0, 1):
        trouble = phrases.blank.join(part[side] for part in said[:3])
        sides.append([trouble, *(part[side] for part in said[3:])])
    text, reworded = (
        " ".join(f"{sentence}{phrases.stop}" for sentence in order).replace("。 ", "。")
        for order in (sides[0], sides[1][::-1])
    )
    return Mail(text=text, reworded=reworded, parts=PART.join(part[0] for part in drawn))


def _case(text: str, rng: random.Random) -> str:
    return rng.choice((str.upper, str.title, str.swapcase))(text)


def _punctuation(signs: str) -> Change:
    def changed(text: str, rng: random.Random) -> str:
        spans = list(word_spans(text))
        bare = "".join(sign if sign.isalnum() or sign.isspace() or _is_mark(text, place) else " "
                       for place, sign in enumerate(text))  # fmt: skip
        place = rng.choice(spans[1:])[0]
        return bare[:place] + rng.choice(("-", "…", "،")) + bare[place:].rstrip() + rng.choice(signs)

    return changed


def _is_mark(text: str, place: int) -> bool:
    return unicodedata.category(text[place])[0] == "M"


def _typing_error(text: str, rng: random.Random) -> str:
    """Leave out, double, replace or exchange letters within a word of at least two."""
    places = [place for start, end in word_spans(text) for place in range(start, end - 1) if text[place].isalpha()]
    place = rng.choice(places)
    match rng.randrange(4):
        case 0:
            return text[:place] + text[place + 1 :]
        case 1:
            return text[:place] + text[place] + text[place:]
        case 2:
            others = sorted({sign for sign in text if sign.isalpha() and sign != text[place]})
            return text[:place] + rng.choice(others) + text[place + 1 :]
        case _:
            return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def _word_replaced(others: Sequence[str]) -> Change:
    def changed(text: str, rng: random.Random) -> str:
        start, end = rng.choice(list(word_spans(text)))
        return text[:start] + rng.choice([word for word in others if word != text[start:end]]) + text[end:]

    return changed


def _words_exchanged(text: str, rng: random.Random) -> str:
    spans = list(word_spans(text))
    pairs = [(a, b) for a, b in itertools.combinations(spans, 2) if text[slice(*a)] != text[slice(*b)]]
    (one, first), (two, second) = rng.choice(pairs)
    return text[:one] + text[two:second] + text[first:two] + text[one:first] + text[second:]


def _word_less(text: str, rng: random.Random) -> str:
    start, end = rng.choice(list(word_spans(text)))
    return text[:start] + text[end:]


def changes_of(phrases: Phrases) -> dict[str, Change]:
    """Return the changes that a script allows."""
    letters = "".join(one for one, _other in phrases.things)
    words = sorted({one[start:end] for one, _ in (*phrases.times, *phrases.details) for start, end in word_spans(one)})
    return {
        "exact": lambda text, _rng: text,
        **({"case": _case} if letters != letters.upper() else {}),
        "punctuation": _punctuation(phrases.signs),
        "a typing error": _typing_error,
        "a word replaced": _word_replaced([word for word in words if word.isalpha()] or words),
        "two words exchanged": _words_exchanged,
        "a word less": _word_less,
    }


def plant(code: str, rng: random.Random, reworded: Sequence[tuple[str, str]]) -> list[Plant]:
    """Plant 200 rows: 25 paraphrases, 15 of them by hand, and the other changes as evenly as their number allows."""
    phrases = PHRASES[code]
    changes = changes_of(phrases)
    kinds = list(itertools.islice(itertools.cycle(changes), PLANTED - PARAPHRASES))
    plants = []
    for kind in kinds:
        base = write_mail(phrases, rng).text
        plants.append(Plant(kind=kind, base=base, changed=changes[kind](base, rng), origin="mail"))
    for base, changed in reworded:
        plants.append(Plant(kind=PARAPHRASE, base=base, changed=changed, origin="sentence"))
    for _ in range(PARAPHRASES - len(reworded)):
        mail = write_mail(phrases, rng)
        plants.append(Plant(kind=PARAPHRASE, base=mail.text, changed=mail.reworded, origin="mail"))
    return plants


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """Made-up mails with planted rows."""

    rows: dict[int, Row]
    splits: dict[int, str]
    plants: dict[int, tuple[int, Plant]]
    """By the place of the changed row; with the place of its base."""


def plant_world(code: str, seed: int, *, mails: int = ROWS, later: bool = False) -> World:
    """Make up mails, one in five of them a test row, and plant rows among them."""
    rng, phrases = random.Random(seed), PHRASES[code]
    rows, splits, plants = {}, {}, {}
    for place in range(mails):
        mail = write_mail(phrases, rng)
        rows[place] = Row(place, place, mail.text, mail.parts)
        splits[place] = "train" if place % 5 else "test"
    free = mails
    for planted in plant(code, rng, (REWORDED_LATER if later else REWORDED)[code]):
        for place, text, split in ((free, planted.base, "train"), (free + 1, planted.changed, "test")):
            rows[place] = Row(place, place, text, "planted")
            splits[place] = split
        plants[free + 1] = (free, planted)
        free += 2
    return World(rows=rows, splits=splits, plants=plants)


def _by_hand(world: World, pairs: Sequence[LeakPair]) -> str:
    """Tell how many paraphrases by hand were found."""
    told = {(int(pair.test_id), pair.other_id) for pair in pairs}
    by_hand = [place for place, (_base, one) in world.plants.items() if one.origin == "sentence"]
    found = sum((place, str(world.plants[place][0])) in told for place in by_hand)
    return f"by hand {found} of {len(by_hand)}"


def main() -> int:
    """Plant, look, count and print, for each script."""
    parser = argparse.ArgumentParser(description="What the leak guard finds in seven scripts.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mails", type=int, default=ROWS)
    parser.add_argument("--embedder", default=ENGLISH_EMBEDDER)
    parser.add_argument("--languages", default=",".join(PHRASES), help="codes, separated by commas")
    parser.add_argument("--later", action="store_true", help="the paraphrases that were written later")
    asked = parser.parse_args()
    lab = open_lab()
    try:
        (embedder,) = (one.facts.id for one in lab.embedders.list() if one.facts.name == asked.embedder)
        for code in asked.languages.split(","):
            phrases, world = PHRASES[code], plant_world(code, asked.seed, mails=asked.mails, later=asked.later)
            sides = leak_sides(list(world.rows.values()), world.splits)
            plants = [one for _, one in world.plants.values()]
            words = find_leaks(*sides)
            texts = [item.text for side in sides for item in side]
            vectors = lab.tables.embed(texts, embedder=embedder).astype(np.float32)
            meanings = find_meaning_leaks(*sides, vectors[: len(sides[0])], vectors[len(sides[0]) :])
            found, counts = found_plants(world.plants, [*words, *meanings]), Counter(one.kind for one in plants)
            planted = frozenset(world.plants) | {base for base, _ in world.plants.values()}
            alarms = judge_alarms(world.rows, planted, [*words, *meanings])
            changed = [kind for kind in counts if kind != PARAPHRASE]
            print(
                f"{code} ({phrases.script}): {share(found, plants, kinds=changed):.1%} of changes "
                f"({', '.join(f'{kind} {found[kind]}/{counts[kind]}' for kind in changed)}), paraphrases "
                f"{found[PARAPHRASE]} of {counts[PARAPHRASE]} ({_by_hand(world, [*words, *meanings])}); "
                f"{len(alarms.false)} false alarms in {asked.mails // 5} rows",
                flush=True,
            )
            for one, other, pair in alarms.false[:3]:
                print(f"    {pair.kind} {pair.similarity:.2f}: {one.input} | {other.input}")
    finally:
        lab.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
