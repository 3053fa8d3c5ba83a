"""What each column of a table is for: guessed with a reason, overridden by the user. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.core.errors import TableError, unknown_name
from engine.ingest.table import Table

SPLIT_NAMES: Mapping[str, str] = {
    "train": "train", "training": "train", "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
    "validation": "validation", "val": "validation", "valid": "validation", "dev": "validation",
}  # fmt: skip
"""How splits are written in tables, in lower case, and which one each means."""
_SPLIT = {"split", "set", "subset", "partition", "fold", "part"}
_TARGET = (
    "target", "label", "labels", "intent", "category", "class", "answer", "expected", "expected_output", "output",
    "completion", "response", "gold", "ground_truth", "tag", "topic", "sentiment", "desk", "queue", "summary",
)  # fmt: skip
_INPUT = (
    "input", "text", "question", "message", "utterance", "query", "prompt", "body", "content", "sentence", "review",
    "description", "ticket", "email", "document", "comment", "request",
)  # fmt: skip
_TITLE = {"subject", "title", "headline"}
_GROUP = {"group", "group_id", "user", "user_id", "customer", "customer_id", "author", "thread", "thread_id",
          "conversation", "conversation_id", "session", "session_id", "patient_id", "source_id"}  # fmt: skip
_ID = re.compile(r"(^|_)(id|uid|uuid|key|index|nr|no|number)$")
_SAMPLE_ROWS = 2000
_SHORT = 60
CLEARLY_LONGER = 2
"""A column is surely the input if its texts are this many times as long as those of any other remaining column."""
_MAX_METADATA = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Roles:
    """Which columns are used as what."""

    inputs: tuple[str, ...]
    target: str
    template: str = ""
    """How several inputs are joined: text with `{column}` in it; empty for the usual way."""
    split: str | None = None
    id: str | None = None
    group: str | None = None
    """Rows with the same cell here are never divided between splits."""
    metadata: tuple[str, ...] = ()

    def joined(self) -> str:
        """Return the template in use."""
        return self.template or usual_template(self.inputs)

    @property
    def beside(self) -> tuple[str, ...]:
        """The columns that are kept beside a row as its metadata: the group, too."""
        return tuple(dict.fromkeys((*self.metadata, *filter(None, [self.group]))))


@dataclass(frozen=True, kw_only=True, slots=True)
class Guess:
    """Guessed roles, and for each role why."""

    roles: Roles
    reasons: Mapping[str, str] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()
    """`input` and `target` where neither a name nor the cells clearly tell; empty if the guess is sure."""


@dataclass(frozen=True, slots=True)
class _Profile:
    name: str
    form: str
    """The name in lower case with underscores."""
    distinct: int
    filled: int
    mean_characters: float
    longest: int
    split_share: float
    splits: frozenset[str]
    """The splits that its cells name."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The columns of one role."""

    columns: tuple[_Profile, ...]
    reason: str
    is_sure: bool = True


def usual_template(inputs: Sequence[str]) -> str:
    """A single input is used alone; several are written line by line with their names."""
    if len(inputs) == 1:
        return f"{{{inputs[0]}}}"
    return "\n".join(f"{name}: {{{name}}}" for name in inputs)


def fill_template(template: str, cells: Mapping[str, str]) -> str:
    """Put cells into a template. Braces inside cells, and unknown names, stay as they are."""
    names = sorted(map(re.escape, cells), key=len, reverse=True)
    return re.sub(r"\{(" + "|".join(names) + r")\}", lambda found: cells[found[1]], template) if names else template


def check_roles(table: Table, roles: Roles) -> None:
    """Check that the columns exist, and that the target is not an input too.

    Raises:
        UsageError: a column is not there; the nearest names are offered.
        TableError: no input, or one column that is both question and answer.
    """
    named = [*roles.inputs, roles.target, *filter(None, (roles.split, roles.id, roles.group)), *roles.metadata]
    for name in named:
        if name not in table.header:
            raise unknown_name("column", name, table.header)
    if not roles.inputs:
        raise TableError("No input column is chosen.", "Choose the column that the model should read.")
    if roles.target in roles.inputs:
        raise TableError(
            f"The column '{roles.target}' is both input and target.", "Choose another column for one of them."
        )
    missing = [name for name in roles.inputs if f"{{{name}}}" not in roles.joined()]
    if missing:
        raise TableError(
            f"The template does not use the input '{missing[0]}'.", f"Write {{{missing[0]}}} where it belongs."
        )


def guess_roles(
    table: Table, *, inputs: Sequence[str] = (), target: str | None = None, split: str | None = None
) -> Guess:
    """Guess the roles of a table's columns from their names and the look of their cells.

    Args:
        table: the table.
        inputs: what the user has named as such; neither these columns nor the next two are guessed again.
        target: likewise.
        split: likewise.

    Raises:
        TableError: the table has only one column.
    """
    if len(table.header) < 2:
        raise TableError(
            f"{table.name} has one column, '{table.header[0][:40]}'; an input and a target are needed.",
            "Add a column with the right answers, or choose another delimiter.",
        )
    profiles = [_profile(table, name) for name in table.header]
    found: dict[str, _Found] = {}
    left = [profile for profile in profiles if profile.name not in {*inputs, target, split}]
    needed = (target is None) + (not inputs)
    if split is None and len(left) > needed:
        split = _take(left, "split", _split_column(left), found)
    identity = _take(left, "id", _id_column(left), found) if len(left) > needed else None
    if target is None:
        target = _take(left, "target", _target_column(left or profiles, named=inputs), found)
    if not inputs:
        inputs = _take_all(left, "input", _input_columns(_texts(left) or left or profiles), found)
    group = _take(left, "group", _group_column(left), found)
    metadata = tuple(profile.name for profile in left[:_MAX_METADATA])
    reasons = {role: one.reason for role, one in found.items()}
    if metadata:
        reasons["metadata"] = "The other columns are kept beside each row and never shown to a model."
    return Guess(
        roles=Roles(
            inputs=tuple(inputs), target=target or "", split=split, id=identity, group=group, metadata=metadata
        ),
        reasons=reasons,
        unsure=frozenset(role for role in ("input", "target") if role in found and not found[role].is_sure),
    )


def _take(left: list[_Profile], role: str, one: _Found | None, found: dict[str, _Found]) -> str | None:
    return _take_all(left, role, one, found)[0] if one is not None else None


def _take_all(left: list[_Profile], role: str, one: _Found, found: dict[str, _Found]) -> tuple[str, ...]:
    """Note what was found for a role, and strike its columns off those that are left."""
    found[role] = one
    left[:] = [profile for profile in left if profile not in one.columns]
    return tuple(profile.name for profile in one.columns)


def _profile(table: Table, name: str) -> _Profile:
    column = table.column(name)
    step = max(len(column) // _SAMPLE_ROWS, 1)
    cells = [column[place] for place in range(0, len(column), step)][:_SAMPLE_ROWS]
    filled = [str(cell) for cell in cells if str(cell).strip()]
    splits = [SPLIT_NAMES[word] for cell in filled if (word := cell.strip().lower()) in SPLIT_NAMES]
    return _Profile(
        name=name,
        form=re.sub(r"[\s-]+", "_", name.strip().lower()),
        distinct=len(set(filled)),
        filled=len(filled),
        mean_characters=sum(map(len, filled)) / max(len(filled), 1),
        longest=max(map(len, filled), default=0),
        split_share=len(splits) / max(len(filled), 1),
        splits=frozenset(splits),
    )


def _split_column(left: Sequence[_Profile]) -> _Found | None:
    for profile in left:
        if profile.split_share >= 0.95 and _may_be_split(profile):
            return _Found((profile,), f"'{profile.name}': its cells say train, validation or test.")
    for profile in left:
        if profile.form in _SPLIT and 1 < profile.distinct <= 10:
            what = f"say below what its {profile.distinct} values mean."
            return _Found((profile,), f"'{profile.name}': by its name; {what}")
    return None


def _may_be_split(profile: _Profile) -> bool:
    """Tell whether the name says split, or the cells name two sides: `dev` and `test`, or `valid`, may be answers."""
    if not _SPLIT.isdisjoint(profile.form.split("_")):
        return True
    return "train" in profile.splits and len(profile.splits) > 1 and profile.form not in _TARGET


def _id_column(left: Sequence[_Profile]) -> _Found | None:
    for profile in left:
        unique = profile.filled > 1 and profile.distinct == profile.filled and profile.longest <= _SHORT
        if unique and _ID.search(profile.form):
            return _Found((profile,), f"'{profile.name}': by its name, and no two cells are alike.")
    return None


def _target_column(left: Sequence[_Profile], *, named: Sequence[str]) -> _Found:
    """Guess the target among what is left; `named` are the inputs that the user has named."""
    for name in _TARGET:
        for profile in left:
            if profile.form == name:
                return _Found((profile,), f"'{profile.name}': by its name.")
    fit = [profile for profile in left if _may_be_target(profile)]
    few = [p for p in fit or left if p.filled and p.longest <= _SHORT and p.distinct <= max(p.filled / 4, 2)]
    if few and (named or len(left) > 1):
        best = min(few, key=lambda p: (p.distinct < 2, p.mean_characters))
        rivals = [profile for profile in few if profile.distinct > 1 and profile is not best]
        reason = f"'{best.name}': {best.distinct} different short values among {best.filled} cells looked at"
        reason += f"; '{rivals[0].name}' could be the target as well." if rivals else "."
        return _Found((best,), reason, is_sure=bool(fit) and best.distinct > 1 and not rivals)
    last = (fit or left)[-1]
    inputs = [f"'{name}'" for name in named] or [f"'{p.name}'" for p in left if p.form in _INPUT]
    if fit == [last] and last.distinct > 1 and len(left) == (1 if named else 2) and inputs:
        return _Found((last,), f"'{last.name}': the only column besides {' and '.join(inputs)}.")
    return _Found((last,), f"'{last.name}': the last column; nothing else indicates a target.", is_sure=False)


def _may_be_target(profile: _Profile) -> bool:
    """Tell whether nothing in a column's name speaks against its being the target."""
    others = profile.form in _INPUT or profile.form in _TITLE | _GROUP | _SPLIT
    return not others and _ID.search(profile.form) is None


def _texts(left: Sequence[_Profile]) -> list[_Profile]:
    return [profile for profile in left if profile.form not in _GROUP]


def _input_columns(left: Sequence[_Profile]) -> _Found:
    named = next((p for name in _INPUT for p in left if p.form == name), None)
    best = named or max(left, key=lambda p: p.mean_characters)
    reason = f"'{best.name}': " + (
        "by its name." if named else f"the longest texts, {best.mean_characters:.0f} characters each on average."
    )
    title = next((p for p in left if p.form in _TITLE and p is not best), None)
    others = [p.mean_characters for p in left if p not in (best, title)]
    clear = best.distinct > 1 and best.mean_characters >= CLEARLY_LONGER * max(others, default=0.0)
    is_sure = named is not None or clear
    if title is None:
        return _Found((best,), reason, is_sure)
    return _Found((title, best), f"{reason} '{title.name}' is put before it.", is_sure)


def _group_column(left: Sequence[_Profile]) -> _Found | None:
    for profile in left:
        if profile.form in _GROUP and 1 < profile.distinct < profile.filled:
            reason = f"'{profile.name}': its cells repeat, and its name says that rows belong together."
            return _Found((profile,), reason)
    return None
