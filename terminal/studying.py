"""What all studies have in common: executing the missing runs, then printing the findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from cyclopts import Parameter

from engine.analysis.verdict.claims import Sentence
from engine.core.run.infos import RunInfo
from engine.core.run.manifest import Purpose
from engine.core.run.plan import RunPlan
from engine.services.lab import Lab
from terminal.exits import EXIT_DONE, EXIT_ERROR
from terminal.output import Lines, Listing, note, show, show_json
from terminal.running import carry_out_missing


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True, slots=True)
class StudyOptions:
    """How a study is executed."""

    kept_only: bool = False
    """Start no runs: print what the saved runs show so far."""
    embedder: str | None = None
    """Studies that plan runs of their own: the embedder by name, as 'cli.py models' lists them; auto (the default) goes
    by the language of the rows. Others keep that of the run."""
    send_rows_to: Annotated[str, Parameter(metavar="HOST", show_default=False)] = ""
    """Agrees that rows and documents are sent to this host: by a server that does not answer itself, or to an
    embedder on another machine. Several hosts are separated by commas."""
    spending_limit: Annotated[float | None, Parameter(metavar="USD")] = None
    """Closed APIs: confirms the cost, and stops each run there."""


DEFAULT_STUDY = StudyOptions()


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What a study found."""

    sentences: Sequence[Sentence]
    listings: Sequence[Listing]
    figures: Mapping[str, Any]
    """The same as plain data."""
    remarks: Sequence[str] = field(default_factory=tuple)


Done = list[tuple[RunPlan, RunInfo]]
"""Plans of a study with their finished runs."""


def study(
    lab: Lab,
    purpose: Purpose,
    plans: Sequence[RunPlan],
    options: StudyOptions,
    found: Callable[[Done], Findings],
    *,
    studied_run: str = "",
    as_json: bool,
) -> int:
    """Execute a study's missing runs, print what it found, and return the exit code.

    Args:
        lab: executes the runs.
        purpose: the purpose of the runs.
        plans: all runs of the study.
        options: the user's.
        found: returns what the finished runs show.
        studied_run: the run whose variants are measured again, where there is one.
        as_json: whether to print one JSON object.

    Raises:
        UsageError: a run cannot start.
        CancelledError: the user stopped.
    """
    if options.send_rows_to:
        plans = [replace(plan, rows_to=options.send_rows_to) for plan in plans]
    if options.spending_limit is not None:
        plans = [replace(plan, spending_limit_usd=options.spending_limit) for plan in plans]
    failed = [] if options.kept_only else carry_out_missing(lab, plans, purpose, studied_run)
    done = lab.studies.done(plans)
    _tell(purpose, plans, done, found(done) if done else None, as_json=as_json)
    for what in failed:
        note(what)
    return EXIT_ERROR if failed else EXIT_DONE


def _tell(purpose: Purpose, plans: Sequence[RunPlan], done: Done, findings: Findings | None, *, as_json: bool) -> None:
    if findings is not None and len(done) < len(plans):
        note(f"From {len(done)} of {len(plans)} runs.")
    if as_json:
        show_json(
            {
                "study": purpose,
                "runs": [run.run_id for _plan, run in done],
                "missing": len(plans) - len(done),
                "sentences": findings.sentences if findings else [],
                **(findings.figures if findings else {}),
            }
        )
    elif findings is None:
        note("Nothing has been measured for this choice yet.")
    else:
        sentences = [sentence.text for sentence in findings.sentences]
        show(Lines(heading="in words", lines=sentences), *findings.listings)
        for remark in findings.remarks:
            note(remark, dim=True)
