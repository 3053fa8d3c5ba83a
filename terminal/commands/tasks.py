"""`tasks`: list the tasks; `tasks check`: check whether a task folder is valid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from terminal.exits import EXIT_DONE
from terminal.options import OPTIONS, Json
from terminal.output import Column, Listing, answer, show, show_json
from wiring import open_lab

app = App(group_parameters=OPTIONS, name="tasks")


@app.default
def tasks(*, as_json: Json = False) -> int:
    """List the tasks."""
    infos = open_lab().tasks.list()
    if as_json:
        show_json({"tasks": infos})
        return EXIT_DONE
    show(
        Listing(
            columns=(
                Column(heading="task"),
                Column(heading="title", wraps=True),
                Column(heading="rows", wraps=True),
                Column(heading="documents", figures=True, spare=True),
                Column(heading="what", wraps=True),
            ),
            rows=[
                [
                    info.id,
                    info.title,
                    ", ".join(f"{name} {count}" for name, count in info.rows.items()),
                    str(info.documents),
                    info.summary,
                ]
                for info in infos
            ],
        )
    )
    return EXIT_DONE


@app.command
def check(path: Annotated[Path, Parameter(help="The task folder.")], /) -> int:
    """Check a task folder; names file, line, field, value and fix."""
    task = open_lab().tasks.check(path)
    answer(f"{task.id}: {len(task.examples)} rows, {len(task.documents)} documents. No errors.")
    return EXIT_DONE
