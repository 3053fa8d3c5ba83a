"""`tasks`: list the tasks; `tasks check`: check whether a task folder is valid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from engine.core.run.infos import TaskSetAside
from engine.metrics import wording as say
from terminal.exits import EXIT_DONE
from terminal.options import OPTIONS, Json
from terminal.output import Column, Listing, answer, show, show_json
from wiring import open_lab

app = App(group_parameters=OPTIONS, name="tasks")


@app.default
def tasks(*, as_json: Json = False) -> int:
    """List the tasks."""
    lab = open_lab()
    infos, set_aside = lab.tasks.list(), lab.tasks.set_aside()
    if as_json:
        show_json({"tasks": infos, "set_aside": set_aside})
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
        ),
        _listing_of(set_aside) if set_aside else None,
    )
    return EXIT_DONE


def _listing_of(set_aside: Sequence[TaskSetAside]) -> Listing:
    return Listing(
        title="Set aside: these folders cannot be read",
        columns=(
            Column(heading="folder"),
            Column(heading="reason", wraps=True),
            Column(heading="what to do", wraps=True),
        ),
        rows=[[faulty.id, faulty.what, faulty.fix] for faulty in set_aside],
    )


@app.command
def check(path: Annotated[Path, Parameter(help="The task folder.")], /) -> int:
    """Check a task folder; names file, line, field, value and fix."""
    task = open_lab().tasks.check(path)
    rows, documents = say.counted(len(task.examples), "row"), say.counted(len(task.documents), "document")
    answer(f"{task.id}: {rows}, {documents}. No errors.")
    return EXIT_DONE
