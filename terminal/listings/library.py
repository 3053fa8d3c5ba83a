"""Saved runs and saved LoRA weights as tables."""

from __future__ import annotations

from collections.abc import Sequence

from engine.analysis.basis.trained_weights import NOT_NOTED, effect, facts_of, quality
from engine.analysis.basis.wholeness import answers_in_words
from engine.analysis.marks import imported_sentence
from engine.core.lora_library import KeptWeights
from engine.core.run.infos import RunInfo
from engine.core.run.manifest import Manifest
from engine.core.run.standing import state_of
from engine.core.techniques import label
from engine.metrics import wording as say
from engine.metrics.marks import Mark
from engine.studies.study_runs import aside_in_words
from terminal.output import Column, Listing


def runs_listing(runs: Sequence[RunInfo]) -> Listing:
    """Return saved runs, newest first."""
    return Listing(
        empty="There are no saved runs yet. Start one with 'python cli.py compare'.",
        columns=(
            Column(heading="run"),
            Column(heading="started", spare=True),
            Column(heading="task"),
            Column(heading="model"),
            Column(heading="variants", wraps=True, spare=True),
            Column(heading="seed", figures=True, spare=True),
            Column(heading="for", spare=True),
            Column(heading="state"),
            Column(heading="answers", figures=True),
            Column(heading="note", wraps=True, spare=True),
        ),
        rows=[
            [
                run.run_id,
                say.when(run.started_at),
                run.task_id,
                run.model_id,
                ", ".join(label(technique) for technique in run.techniques),
                str(run.seed),
                str(run.purpose),
                f"{state_of(run)}, {Mark.IMPORTED.sign}" if run.imported else str(state_of(run)),
                f"{say.number(run.rows_done)} of {say.number(run.rows_total)}",
                run.note,
            ]
            for run in runs
        ],
    )


def run_facts(run: RunInfo, manifest: Manifest, decoding: str) -> Listing:
    """Return what is known about one run besides its figures; the decoding is the one that fits its task."""
    machine = manifest.machine
    facts = {
        "run": run.run_id,
        "task": run.task_id,
        "model": f"{manifest.model.name or run.model_id} {manifest.model.quantization}",
        "variants": ", ".join(label(technique) for technique in run.techniques),
        "seed": str(run.seed),
        "training rows": say.number(len(manifest.plan.train_ids)),
        "decoding": decoding,
        "for": f"{run.purpose}. {aside_in_words(run)}" if aside_in_words(run) else str(run.purpose),
        "started": say.when(run.started_at),
        "state": str(state_of(run)),
        "answers": answers_in_words(run),
        "machine": f"{machine.processor}, {say.counted(machine.cores, 'core')}, {say.size(machine.memory_bytes)}",
        "measured": imported_sentence(imported=run.imported, rescored=run.rescored) or "here",
        "note": run.note,
    }
    return _facts(facts)


def weights_listing(weights: Sequence[KeptWeights]) -> Listing:
    """Return saved weights, newest first."""
    return Listing(
        empty="There are no saved LoRA weights yet. Train some with 'python cli.py train'.",
        columns=(
            Column(heading="key"),
            Column(heading="trained for"),
            Column(heading="base"),
            Column(heading="rows", figures=True),
            Column(heading="before", figures=True),
            Column(heading="after", figures=True),
            Column(heading="effect", wraps=True, spare=True),
            Column(heading="size", figures=True, spare=True),
            Column(heading="training", figures=True, spare=True),
            Column(heading="last loss", figures=True, spare=True),
            Column(heading="made", spare=True),
        ),
        rows=[
            [
                one.key,
                one.task_id or NOT_NOTED,
                one.model_id or one.base_name,
                say.number(one.rows),
                quality(one.before),
                quality(one.after),
                effect(one),
                say.size(one.size_bytes),
                say.duration(one.train_s),
                say.loss(one.loss_curve[-1] if one.loss_curve else None),
                say.when(one.created_at),
            ]
            for one in weights
        ],
    )


def weights_facts(one: KeptWeights, made: Sequence[str]) -> Listing:
    """Return everything that is known about one training, with the models of an Ollama server that were made of it."""
    known = {name: value for name, value in facts_of(one).items() if name != "id"}
    facts = {"key": one.key, **known, "files": ", ".join(one.files)}
    if made:
        facts["models at Ollama"] = ", ".join(made)
    return _facts(facts)


def _facts(facts: dict[str, str]) -> Listing:
    return Listing(
        columns=(Column(heading="what"), Column(heading="value", wraps=True)),
        rows=[[name, value] for name, value in facts.items()],
    )
