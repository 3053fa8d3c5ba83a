"""Mails to a repair service, made up from parts, and the same mails paraphrased by rule.

The rule puts the parts into another order, and two of three into other words.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

THINGS = (
    ("the washing machine", "our washer"),
    ("the dishwasher", "the machine for the dishes"),
    ("the lift in the hall", "the elevator near the entrance"),
    ("the router", "the wifi box"),
    ("the office printer", "the device that prints our letters"),
    ("the tablet", "the small touch computer"),
    ("the coffee maker", "the espresso machine"),
    ("the garage door", "the gate for the car"),
    ("the electric bike", "my e-bike"),
    ("the boiler", "the water heater"),
    ("the vacuum cleaner", "the hoover"),
    ("the fridge", "the refrigerator"),
    ("the oven", "the stove"),
    ("the smoke alarm", "the fire detector"),
    ("the lawn mower", "the grass cutter"),
)
FAULTS = (
    ("makes a terrible noise", "is awfully loud"),
    ("does not start any more", "refuses to switch on"),
    ("loses water on the floor", "leaves a puddle behind"),
    ("shows an error on its display", "reports a fault on the screen"),
    ("turns itself off", "goes dead all alone"),
    ("gets far too hot", "overheats badly"),
    ("smells of burnt plastic", "has an odour like scorched rubber"),
    ("runs much slower than before", "takes ages compared with the past"),
    ("cannot be opened", "stays shut whatever we try"),
    ("blinks red without end", "keeps flashing in red"),
)
TIMES = (
    ("since {day}", "from {day} on"),
    ("for {number} weeks now", "these past {number} weeks"),
    ("ever since the last update", "from the newest software version onwards"),
    ("almost every night", "nearly each evening"),
    ("for the third time this year", "once more, as it did twice since January"),
)
CAUSES = (
    ("when it rains", "in wet weather"),
    ("when my children use it", "whenever the kids are near it"),
    ("after it has run for {number} minutes", "once {number} minutes of use are over"),
    ("when two people press the button at once", "if a pair of users push together"),
    ("although your engineer replaced the motor", "in spite of the new engine your man put in"),
    ("although I cleaned it as the manual says", "even if I follow the care instructions in the booklet"),
)
REASONS = (
    ("because we leave for {town} on {day}", "as our trip to {town} begins {day}"),
    ("because my mother in {town} depends on it", "since my mum, who lives in {town}, needs it"),
    ("because guests arrive on {day}", "as visitors come {day}"),
    ("because I work from home in {town}", "since my {town} flat is my office too"),
)
REQUESTS = (
    ("please send a technician", "could somebody come and repair it"),
    ("please refund the {price} euros that I paid", "I want my {price} euros back"),
    ("tell me who pays for the repair", "on whose account is mending it"),
    ("please send me a new one", "I would like a replacement"),
    ("let me know what I can try myself", "is there anything I could do on my own"),
    ("please cancel order {order}", "I withdraw order {order}"),
)
DETAILS = (
    ("I bought it in your shop in {town} in March", "your {town} branch sold it to me in spring"),
    ("its serial number is {order}", "{order} is what the label says"),
    ("the guarantee lasts until next year", "it is under warranty for another twelve months"),
    ("a neighbour in {town} has the same trouble", "the people next door in {town} suffer from that as well"),
)
KEPT_SHARE = 1 / 3
"""Parts that keep their words where a mail is reworded; their place changes all the same."""
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TOWNS = ("Leeds", "Oslo", "Graz", "Porto", "Hull", "Ghent", "Malmo", "Turin", "Cork", "Bern", "Brno", "Lille")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """A mail and the same mail in other words."""

    text: str
    reworded: str
    parts: tuple[str, ...]
    """What it is made of, without days, towns and numbers."""


def write_mail(rng: random.Random) -> Mail:
    """Make up a mail of 6 to 40 words."""
    thing, fault = _kept(rng.choice(THINGS), rng), _kept(rng.choice(FAULTS), rng)
    time, cause, reason, request = (
        [_filled(rng.choice(parts), rng)] if rng.random() < share else []
        for parts, share in ((TIMES, 0.8), (CAUSES, 0.5), (REASONS, 0.35), (REQUESTS, 0.7))
    )
    details = [_filled(part, rng) for part in rng.sample(DETAILS, rng.choice((0, 0, 1, 2)))]
    trouble = [(f"{thing[0]} {fault[0]}", f"{thing[1]} {fault[1]}", ""), *time, *cause]
    wish = [*request, *(reason if request else [])]
    sentences = [part for part in (trouble, wish, *([detail] for detail in details)) if part]
    if len(trouble) + len(sentences) == 2:
        return write_mail(rng)  # one part alone has no order
    text = " ".join(_sentence(" ".join(part[0] for part in parts)) for parts in sentences)
    said = " ".join(_sentence(", ".join(part[1] for part in reversed(parts))) for parts in reversed(sentences))
    if not 6 <= len(text.split()) <= 40:
        return write_mail(rng)
    others = [part[2] for part in (*time, *cause, *wish, *details)]
    return Mail(text=text, reworded=said, parts=(thing[0], fault[0], *others))


def _kept(part: tuple[str, str], rng: random.Random) -> tuple[str, str]:
    return (part[0], part[0]) if rng.random() < KEPT_SHARE else part


def _filled(part: tuple[str, str], rng: random.Random) -> tuple[str, str, str]:
    """Return both wordings with days, towns and numbers, and the first one without."""
    values = {
        "day": rng.choice(DAYS),
        "town": rng.choice(TOWNS),
        "number": rng.choice(("three", "five", "8", "12", "20")),
        "price": f"{rng.randrange(30, 900)}",
        "order": f"{rng.choice('ABCDEFGH')}-{rng.randrange(1000, 9999)}",
    }
    return (*_kept((part[0].format(**values), part[1].format(**values)), rng), part[0])


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:] + "."
