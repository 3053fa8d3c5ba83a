"""What a variant says of the labels whatever the input, and whether it was taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelPrior:
    """The prior of one variant with one draw of shots and weights, measured on rows that it was not shown."""

    corrected: bool
    """Whether it is taken away from each answer."""
    reason: str = ""
    """Why it was not measured; empty where it was."""
    split: str = ""
    """`train` or `validation`: where its rows come from."""
    rows: int = 0
    right_without: float | None = None
    """Share of these rows that are right without correction, weighted as labels occur in the training split, 0 to 1."""
    right_with: float | None = None
    """The same with the prior taken away; the prior that each row is judged by is that of all other rows."""
    standard_error: float | None = None
    """Of the difference of the two, with a row added in favour of each."""
    worth_it: bool = False
    """Whether the gain is more than one standard error: what `auto` goes by."""
    measure_s: float = 0.0
    log_prior: Mapping[str, float] = field(default_factory=dict)
    """Mean log-probability by label, whose mean over labels is 0; empty where it was not measured."""

    @property
    def measured(self) -> bool:
        """Tell whether there are figures."""
        return bool(self.log_prior)
