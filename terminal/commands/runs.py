"""`runs`: list, show, export, import and delete saved runs."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from terminal.asking import confirm
from terminal.exits import EXIT_DONE
from terminal.files import read_file, writable_folder, write_file, write_files
from terminal.listings.library import run_facts, runs_listing
from terminal.listings.results import show_results
from terminal.options import OPTIONS, Json, Run, Yes
from terminal.output import answer, show, show_json
from terminal.sources import kept_run
from wiring import open_lab

app = App(group_parameters=OPTIONS, name="runs")
EXPORTED = "Folder for run.json, predictions.*, summary.json and run-ID.zip."
PACKED = "run-ID.zip, as written by 'runs export' or the History page."


@app.default
def runs(*, as_json: Json = False) -> int:
    """List saved runs, newest first."""
    infos = open_lab().runs.list()
    if as_json:
        show_json({"runs": infos})
    else:
        show(runs_listing(infos))
    return EXIT_DONE


app.command(runs, name="list")


@app.command(name="show")
def show_run(run: Run, /, *, as_json: Json = False) -> int:
    """Show a run's settings and its figures."""
    with closing(open_lab()) as lab:
        info = kept_run(lab, run)
        manifest = lab.results.manifest(info.run_id)
        summary = lab.results.summary(info.run_id)
        if as_json:
            show_json({"run": {**manifest.to_dict(), "run_id": info.run_id}, "summary": summary})
            return EXIT_DONE
        show_results(summary, run_facts(info, manifest, summary["decoding"]))
    return EXIT_DONE


@app.command
def export(run: Run, /, *, out: Annotated[Path, Parameter(help=EXPORTED)]) -> int:
    """Write a run's files, and the whole run as one file that another Adapt Lab can import."""
    with closing(open_lab()) as lab:
        run_id = kept_run(lab, run).run_id
        writable_folder(out)
        write_files(out, lab.exports.export(run_id))
        packed = out / f"run-{run_id}.zip"
        write_file(packed, lab.exports.pack(run_id))
    answer(f"Wrote {out}")
    answer(f"To import the run elsewhere: python cli.py runs import {packed}")
    return EXIT_DONE


@app.command(name="import")
def import_run(file: Annotated[Path, Parameter(help=PACKED)], /) -> int:
    """Import a run that was exported elsewhere."""
    with closing(open_lab()) as lab:
        run_id = lab.exports.unpack(read_file(file))
    answer(f"Imported run {run_id}.")
    return EXIT_DONE


@app.command
def delete(run: Run, /, *, yes: Yes = False) -> int:
    """Delete a run and its predictions permanently."""
    with closing(open_lab()) as lab:
        info = kept_run(lab, run)
        confirm(f"Delete run {info.run_id} ({info.task_id}, {info.model_id}) permanently?", yes=yes)
        lab.runs.delete(info.run_id)
    answer(f"Deleted run {info.run_id}.")
    return EXIT_DONE
