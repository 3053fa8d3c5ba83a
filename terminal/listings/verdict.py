"""A verdict in the terminal: three lines, and why; nothing of a run that is no comparison."""

from __future__ import annotations

from engine.analysis.verdict.ruling import Verdict
from engine.core.run.infos import RunInfo
from engine.core.run.standing import NO_VERDICT, is_comparison
from engine.studies.study_runs import aside_in_words
from terminal.output import answer, note


def show_verdict(verdict: Verdict) -> None:
    """Print a verdict as the result of a command: its three lines, why, and what would change it."""
    for line in verdict.lines:
        answer(line)
    parts = {"Why": verdict.why, "What would change this": [sentence.text for sentence in verdict.changes]}
    for title, texts in parts.items():
        if texts:
            answer("")
            answer(f"{title}:")
            for text in texts:
                answer(f"* {text}")


def tell_verdict(verdict: Verdict, info: RunInfo) -> None:
    """Print a verdict's three lines beside the results of a command, with which effort, and where to read why."""
    if not is_comparison(info):
        note(f"{aside_in_words(info)} {NO_VERDICT}")
        return
    for line in (*verdict.lines, *filter(None, [verdict.effort.text])):
        note(line)
    note(f"Why: python cli.py report {info.run_id} --out memo.html", dim=True)
