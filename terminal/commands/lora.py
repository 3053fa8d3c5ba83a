"""`lora`: list, show, export and remove saved LoRA weights."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from engine.core.errors import UsageError
from terminal.asking import confirm
from terminal.exits import EXIT_DONE
from terminal.files import write_file
from terminal.listings.library import weights_facts, weights_listing
from terminal.options import OPTIONS, Json, Key, Yes
from terminal.output import answer, show, show_json
from terminal.sources import kept_weights
from wiring import open_lab

app = App(group_parameters=OPTIONS, name="lora")
FORMS = "A PEFT folder (zip), a GGUF file for llama.cpp's --lora, or that with a Modelfile (zip) for Ollama."
OUT = "The file to write, or a folder to put it into."


class Form(StrEnum):
    """The formats for exporting weights: the keys of `engine.core.lora_library.EXPORTS`."""

    PEFT = "peft"
    GGUF = "gguf"
    OLLAMA = "ollama"


@app.default
def weights(*, as_json: Json = False) -> int:
    """List saved LoRA weights, newest first."""
    found = open_lab().lora.library.weights()
    if as_json:
        show_json({"lora": found})
    else:
        show(weights_listing(found))
    return EXIT_DONE


app.command(weights, name="list")


@app.command(name="show")
def show_weights(key: Key, /, *, as_json: Json = False) -> int:
    """Show everything about one training."""
    lab = open_lab()
    one = kept_weights(lab, key)
    made = lab.lora.made_with(one.key)
    if as_json:
        show_json({"lora": one, "models_at_ollama": made})
    else:
        show(weights_facts(one, made))
    return EXIT_DONE


@app.command
def export(
    key: Key, /, *, form: Annotated[Form, Parameter(help=FORMS)], out: Annotated[Path, Parameter(help=OUT)]
) -> int:
    """Export weights to a file."""
    lab = open_lab()
    one = kept_weights(lab, key)
    name, data = lab.lora.export(one, form)
    path = out / name if out.is_dir() else out
    if path != out and path.exists():
        raise UsageError(f"'{path}' already exists.", "Name another file with --out.")
    write_file(path, data)
    answer(f"Wrote {path}")
    return EXIT_DONE


@app.command
def remove(key: Key, /, *, yes: Yes = False) -> int:
    """Remove weights permanently; the same training produces the same ones."""
    lab = open_lab()
    one = kept_weights(lab, key)
    made = lab.lora.made_with(one.key)
    with_them = f", and {', '.join(made)} at the Ollama server," if made else ""
    confirm(f"Remove the LoRA weights {one.key} ({one.task_id or 'task unknown'}){with_them} permanently?", yes=yes)
    removed = lab.lora.remove(one.key)
    answer(f"Removed {', '.join([one.key, *removed])}.")
    return EXIT_DONE
