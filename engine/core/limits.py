"""What the user accepts: the limits that a variant has to meet, and the assumptions about its use."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.errors import UsageError

CALLS_PER_MONTH = 10_000
"""Assumed until the user says how many calls are planned."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The user's limits and assumptions. None means no limit, and no limit is set unless the user sets it."""

    least_quality: float | None = None
    """Lowest acceptable mean primary score, 0 to 1."""
    highest_p95_s: float | None = None
    """Seconds within which 95 of 100 answers are complete, at most."""
    highest_cost_usd_per_1k: float | None = None
    """Running cost of 1,000 answers in USD, at most; one-off costs are counted only in the total."""
    calls_per_month: int = CALLS_PER_MONTH
    """Answers needed in a month."""
    months: int = 12
    """Months for which it is used; one-off costs are spread over them."""
    labelling_usd_per_row: float = 0.10
    """Cost of labelling one row in USD; by default 20 seconds of a person at 18 USD an hour are assumed."""
    data_may_leave: bool = False
    """Whether inputs may be sent to a closed API; what the memo says about them depends on it."""

    def __post_init__(self) -> None:
        """Refuse values that make no sense.

        Raises:
            UsageError: a share outside 0 to 1, or a negative or zero figure where none is allowed.
        """
        if self.least_quality is not None and not 0 <= self.least_quality <= 1:
            raise UsageError(f"The minimum quality is {self.least_quality:g}.", "Give a share between 0 and 1.")
        if self.calls_per_month < 1 or self.months < 1:
            raise UsageError(
                f"{self.calls_per_month} calls a month over {self.months} months is not a valid volume.",
                "Give at least one of each.",
            )
        given = {
            "limit on p95": self.highest_p95_s,
            "limit on cost": self.highest_cost_usd_per_1k,
            "cost of a label": self.labelling_usd_per_row,
        }
        for what, value in given.items():
            if value is not None and value < 0:
                raise UsageError(f"The {what} is {value:g}.", "Give a figure of 0 or more.")

    @property
    def any_set(self) -> bool:
        """Tell whether any limit is set."""
        limits = (self.least_quality, self.highest_p95_s, self.highest_cost_usd_per_1k)
        return any(limit is not None for limit in limits)

    @property
    def volume_set(self) -> bool:
        """Tell whether the user planned another volume than the assumed one."""
        return self.calls_per_month != CALLS_PER_MONTH

    @property
    def calls(self) -> int:
        """Calls over the whole time."""
        return self.calls_per_month * self.months
