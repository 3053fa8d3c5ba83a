"""A run's figures as tables: the results, the other scores, retrieval quality; and models side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from engine.analysis.basis.choices import sentences_of
from engine.analysis.basis.efforts import REPLAY
from engine.analysis.basis.language_parts import LanguageParts, MissingPart
from engine.analysis.basis.training_rows import TrainingRows, training_note
from engine.analysis.marks import FigureName, imported_sentence, marks_in_summary
from engine.analysis.run_comparison import Matrix, in_words
from engine.core.embedder import EmbedderHandicap
from engine.core.interval import Interval
from engine.core.run.label_prior import LabelPrior
from engine.core.run.shot_record import ShotRecord
from engine.core.techniques import label
from engine.metrics import wording as say
from engine.metrics.marks import Mark, cell, heading, legend
from engine.metrics.retrieval import ErrorCause
from engine.running.preflight.embedders import handicap_sentences
from terminal.output import Column, Lines, Listing, note, plain_data, show

Summary = Mapping[str, Any]
"""As `engine.analysis.summary.summarize` writes it."""
Cell = Callable[[Mapping[str, Any]], str]


class _Figure(NamedTuple):
    """A column after the quality, whose heading is the metric's name."""

    title: str
    figure: FigureName | None
    """Whose mark it carries; None for what needs none."""
    write: Cell
    spare: bool = False


_F = FigureName
_FIGURES = (
    _Figure("95 %", None, lambda f: say.ends(_interval(f["quality"]), missing="")),
    _Figure("first word", _F.TTFT, lambda f: say.seconds(f["ttft_s"]["p50"], missing=""), spare=True),
    _Figure("p50", _F.TOTAL, lambda f: say.seconds(f["total_s"]["p50"], missing=""), spare=True),
    _Figure("p95", _F.TOTAL, lambda f: say.seconds(f["total_s"]["p95"], missing="")),
    _Figure("tokens in / out", _F.TOKENS, lambda f: _tokens(f["tokens"]), spare=True),
    _Figure("rows/s", _F.ROW_SPEED, lambda f: say.short(f["examples_per_s"], missing=""), spare=True),
    _Figure("set-up", _F.PREPARE, lambda f: say.duration(f["prepare_s"], missing="")),
    _Figure("per 1,000", _F.COST, lambda f: say.money(f["cost_usd_per_1k"], missing="")),
    _Figure("rows", None, lambda f: say.number(f["n"]), spare=True),
    _Figure("memory", _F.MEMORY, lambda f: say.size(f["peak_rss_bytes"], missing=""), spare=True),
    _Figure("failed", None, lambda f: say.number(f["n_failed"])),
)


def show_results(summary: Summary, *before: Listing) -> None:
    """Print a finished run's figures, after the listings in `before`."""
    show(*before, results(summary), other_scores(summary), retrieval(summary))
    if told := imported_sentence(imported=summary["imported"], rescored=summary["rescored"]):
        note(told)
    remark = training_note(TrainingRows(**summary["training"]), test_rows=int(summary["test_rows"]))
    if remark:
        note(remark)
    for sentence in handicap_sentences([EmbedderHandicap(**one) for one in summary["embedder_handicaps"]]):
        note(sentence)
    if told := _languages(summary["languages"]).sentence():
        note(told)
    for name, figures in zip(_names(summary["variants"]), summary["variants"], strict=True):
        if figures["variant"] in summary["out"]:
            note(f"{name} was clearly behind: out of the race after {say.number(figures['n'])} rows.")
        priors = [LabelPrior(**prior) for prior in figures["label_priors"]]
        shots = ShotRecord(**figures["shots"]) if figures["shots"] else None
        for sentence in sentences_of(name, shots, priors, examples=figures["examples"]):
            note(sentence)
    if summary["effort"]:
        for sentence in (one for part in ("sentences", "curves", "gains") for one in summary["effort"][part]):
            note(sentence)
        if summary["effort"]["replay"]:
            note(f"{REPLAY} {summary['effort']['replay']}", dim=True)
    if told := legend(mark for one in _FIGURES for mark in marks_in_summary(summary["variants"], one.figure)):
        note(f"{told} The assumptions are in summary.json.", dim=True)


def _languages(found: Mapping[str, Any]) -> LanguageParts:
    missing = tuple(MissingPart(**one) for one in found["missing"])
    return LanguageParts(languages=found["languages"], embedders=found["embedders"], missing=missing)


def results(summary: Summary) -> Listing:
    """Return a run's figures, one row per variant."""
    variants = summary["variants"]
    names = _names(variants)
    metric = str(variants[0]["quality"]["metric"]).replace("_", " ")
    return Listing(
        title=f"{summary['task']} · {summary['model']} · seed {summary['seed']}",
        about=_about(summary),
        columns=(
            Column(heading="variant"),
            Column(heading=heading(metric, marks_in_summary(variants, FigureName.QUALITY)), figures=True),
            *(
                Column(
                    heading=heading(one.title, marks_in_summary(variants, one.figure)), figures=True, spare=one.spare
                )
                for one in _FIGURES
            ),
        ),
        rows=[
            [
                name,
                say.share(figures["quality"]["value"], missing=""),
                *(_written(one, figures, variants) for one in _FIGURES),
            ]
            for name, figures in zip(names, variants, strict=True)
        ],
    )


def _written(one: _Figure, figures: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> str:
    mark = Mark(figures["marks"].get(one.figure, Mark.MEASURED))
    return cell(one.write(figures), mark, marks_in_summary(variants, one.figure))


def other_scores(summary: Summary) -> Listing | None:
    """Return the scores other than the primary one, one row each; None if there are none."""
    variants = summary["variants"]
    scores = [name for name in variants[0]["scores"] if name != variants[0]["quality"]["metric"]]
    if not scores:
        return None
    return Listing(
        title="other scores",
        about=_about(summary),
        columns=(
            Column(heading=heading("score", marks_in_summary(variants, FigureName.SCORES))),
            *(Column(heading=name, figures=True) for name in _names(variants)),
        ),
        rows=[
            [
                score.replace("_", " "),
                *(say.share(figures["scores"][score]["value"], missing="") for figures in variants),
            ]
            for score in scores
        ],
    )


def retrieval(summary: Summary) -> Listing | None:
    """Return retrieval quality on the marked passages, and the causes of wrong answers; None without retrieval."""
    names = _names(summary["variants"])
    found = [
        (name, figures["retrieval"])
        for name, figures in zip(names, summary["variants"], strict=True)
        if figures["retrieval"]
    ]
    if not found:
        return None
    marks = marks_in_summary(summary["variants"], FigureName.RETRIEVAL_QUALITY)
    headings = (heading("recall at k", marks), "95 %", "MRR", *(f"wrong: {cause}" for cause in ErrorCause))
    return Listing(
        title="retrieval quality and causes of wrong answers",
        about=_about(summary),
        columns=(Column(heading="variant"), *(Column(heading=title, figures=True) for title in headings)),
        rows=[
            [
                name,
                f"{say.share(quality['recall_at_k']['value'])} of {quality['k']}",
                say.ends(_interval(quality["recall_at_k"])),
                f"{quality['mrr']['value']:.2f}",
                *(say.number(quality["wrong_answers"].get(str(cause), 0)) for cause in ErrorCause),
            ]
            for name, quality in found
        ],
    )


def show_matrix(table: Matrix) -> None:
    """Print techniques by models, and whether the models agree on the order of the techniques."""
    marks = [one.mark for one in table.cells.values()]
    metric = heading(table.metric.replace("_", " "), marks)
    cells = {key: cell(say.share_interval(one.interval), one.mark, marks) for key, one in table.cells.items()}
    show(
        Listing(
            title=table.task,
            about={"task": table.task},
            columns=(
                Column(heading=f"{metric} by model"),
                *(Column(heading=model, figures=True) for model in table.models),
            ),
            rows=[
                [label(technique), *(cells.get((technique, model), "") for model in table.models)]
                for technique in table.techniques
            ],
        ),
        Lines(heading="in words", lines=in_words(table)),
    )


def matrix_data(table: Matrix) -> dict[str, Any]:
    """Return what `show_matrix` prints as JSON data."""
    return {
        "task": table.task,
        "metric": table.metric,
        "cells": [
            {"technique": technique, "model": model, **plain_data(one)}
            for (technique, model), one in table.cells.items()
        ],
        "agreement": [{"models": models, "tau_b": value} for models, value in table.agreement.items()],
        "in_words": in_words(table),
    }


def _about(summary: Summary) -> dict[str, str]:
    return {name: str(summary[key]) for name, key in (("run", "run_id"), ("task", "task"), ("model", "model"))}


def _names(variants: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name each variant, as its figures do."""
    return [figures["name"] for figures in variants]


def _interval(figures: Mapping[str, Any]) -> Interval | None:
    if figures["value"] is None:
        return None
    return Interval(value=figures["value"], low=figures["ci_low"], high=figures["ci_high"])


def _tokens(figures: Mapping[str, float]) -> str:
    return say.tokens(figures["prompt_mean"], figures["completion_mean"])
