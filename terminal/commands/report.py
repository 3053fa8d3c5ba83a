"""`report`: the memo of a saved run, assessed under the user's limits."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from engine.analysis.basis.wholeness import answers_in_words
from engine.core.errors import UsageError
from engine.core.run.standing import NO_VERDICT, is_comparison, is_whole
from engine.studies.study_runs import aside_in_words
from terminal.exits import EXIT_DONE
from terminal.files import write_file
from terminal.listings.results import show_results
from terminal.listings.verdict import show_verdict
from terminal.options import DEFAULT_LIMITS, OPTIONS, Json, Run, UserLimits
from terminal.output import note, show_json
from terminal.sources import kept_run
from wiring import open_lab

app = App(group_parameters=OPTIONS, name="report", help_epilogue="Example: python cli.py report latest --out memo.html")
FORMS = {".html": "html", ".htm": "html", ".md": "md"}


@app.default
def report(
    run: Run,
    /,
    *,
    out: Annotated[Path, Parameter(help="memo.html or memo.md.")],
    limits: UserLimits = DEFAULT_LIMITS,
    as_json: Json = False,
) -> int:
    """Write a run's memo and print its verdict, or the figures of a run that is no comparison."""
    form = FORMS.get(out.suffix.lower())
    if form is None:
        raise UsageError(f"A memo cannot be a '{out.suffix or out.name}' file.", "Name a .html or .md file.")
    with closing(open_lab()) as lab:
        info = kept_run(lab, run)
        run_id = info.run_id
        for remark in (aside_in_words(info), "" if is_whole(info) else f"{answers_in_words(info).capitalize()}."):
            if remark:
                note(remark)
        write_file(out, lab.exports.memo(run_id, limits, form=form))
        figures = lab.results.figures(run_id)
        found = lab.results.report(run_id, limits, run=figures)
        summary = partial(lab.results.summary, run_id, replace(figures, figures=found.figures))
        is_judged = is_comparison(info)
        if as_json:
            show_json(
                {
                    "run_id": run_id,
                    "memo": out,
                    "limits": limits,
                    "answers": answers_in_words(info),
                    "aside": aside_in_words(info),
                    "verdict": found.verdict if is_judged else None,
                    "summary": summary(),
                }
            )
        elif is_judged:
            show_verdict(found.verdict)
        else:
            note(NO_VERDICT)
            show_results(summary())
    return EXIT_DONE
