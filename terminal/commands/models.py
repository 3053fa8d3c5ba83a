"""`models`: apply the requested changes, then list models and servers."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from engine.core.errors import UsageError
from engine.core.generation import ModelFacts
from engine.metrics import wording as say
from engine.services.lab import Lab
from terminal.exits import EXIT_DONE
from terminal.listings.embedders import NOT_SAID, embedder_listing
from terminal.options import OPTIONS, Json
from terminal.output import Column, Lines, Listing, note, show, show_json
from terminal.progress import show_check, show_pull
from terminal.running import stoppable
from wiring import open_lab

app = App(group_parameters=OPTIONS, name="models")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What to change before the models are listed."""

    accept: Annotated[str | None, Parameter(metavar="MODEL")] = None
    """Accept the terms of this installed model."""
    add: Annotated[str | None, Parameter(metavar="NAME=URL")] = None
    """Add an OpenAI-compatible server; its key is not saved."""
    remove: Annotated[str | None, Parameter(metavar="NAME")] = None
    """Remove the server with this name."""
    load_lora: Annotated[str | None, Parameter(metavar="SERVER/MODEL=NAME:FOLDER")] = None
    """Have a vLLM server load LoRA weights from its own disk."""
    pull: Annotated[str | None, Parameter(metavar="MODEL")] = None
    """Have the Ollama server download this model."""


Checked = Annotated[str | None, Parameter(name="--check", metavar="MODEL")]


@app.default
def models(*, changes: Changes = Changes(), check: Checked = None, as_json: Json = False) -> int:
    """List the available models, embedders and servers.

    Args:
        changes: what to change before.
        check: Ask this model some short questions instead, and show what works where it runs.
        as_json: print JSON.
    """
    with closing(open_lab()) as lab:
        _change(changes, lab)
        if check:
            _check(lab, check, as_json=as_json)
            return EXIT_DONE
        found = [(facts, lab.models.get(facts.id).digest) for facts in lab.models.list()]
        if as_json:
            show_json(
                {
                    "models": [{**_as_data(facts), "digest": digest} for facts, digest in found],
                    "offers": lab.models.offers(),
                    "refused": lab.models.refused(),
                    "set_aside": lab.models.set_aside(),
                    "servers": lab.models.servers.states(),
                    "nearby": lab.models.servers.nearby(),
                    "embedders": lab.embedders.list(),
                }
            )
        else:
            remarks = _remarks(lab, [facts for facts, _digest in found])
            embedders = embedder_listing(lab.embedders.list())
            show(_listing(found), embedders, Lines(heading="remarks", lines=remarks))
    return EXIT_DONE


def _check(lab: Lab, model_id: str, *, as_json: bool) -> None:
    facts = lab.models.get(model_id)
    to = lab.models.sends_rows_to(facts.id)
    note(f"Asking {facts.name} some short questions{f', sent to {to}' if to else ''} ...")
    with stoppable() as cancel:
        found = show_check(lab.models.checks.start(facts.id), cancel, Console(stderr=True))
    if as_json:
        show_json(asdict(found))
        return
    show(
        Listing(
            columns=(Column(heading="ability"), Column(heading="works"), Column(heading="seen", wraps=True)),
            rows=[[one.what, str(one.works), one.words] for one in found.findings],
        ),
        Lines(
            heading="remarks", lines=[f"{found.model}, answered by {found.answered_by}, {say.when(found.checked_at)}"]
        ),
    )


def _as_data(facts: ModelFacts) -> dict[str, object]:
    names = ("id", "name", "backend", "architecture", "quantization", "size_bytes", "context_tokens", "terms")
    return {name: getattr(facts, name) for name in names} | {
        "server": bool(facts.server),
        "forwards_to": facts.forwards_to,
    }


def _listing(found: list[tuple[ModelFacts, str]]) -> Listing:
    return Listing(
        columns=(
            Column(heading="model"),
            Column(heading="name", wraps=True),
            Column(heading="backend"),
            Column(heading="architecture", spare=True),
            Column(heading="quantization", spare=True),
            Column(heading="size", figures=True),
            Column(heading="context", figures=True),
            Column(heading="chat template", spare=True),
            Column(heading="digest", spare=True),
        ),
        rows=[
            [
                facts.id,
                facts.name,
                facts.backend,
                facts.architecture,
                facts.quantization,
                say.size(facts.size_bytes or None, missing=NOT_SAID),
                say.number(facts.context_tokens or None, missing=NOT_SAID),
                facts.template_digest if facts.chat_template else "the server's" if facts.server else "none",
                digest[:12],
            ]
            for facts, digest in found
        ],
    )


def _remarks(lab: Lab, found: list[ModelFacts]) -> list[str]:
    """Return remarks: terms, files that cannot be used, servers."""
    lines = [f"{facts.id}: {facts.terms}" for facts in found if facts.terms]
    lines += [
        f"{facts.id}: its server only forwards inputs to {facts.forwards_to}." for facts in found if facts.forwards_to
    ]
    for offer in lab.models.offers():
        lines.append(f"The terms of {offer.id} have not been accepted yet: {offer.terms}")
        lines.append(f"Accept them with: python cli.py models --accept {offer.id}")
    lines += [f"Not usable: {reason}" for reason in lab.models.refused()]
    lines += [f"Left out: {reason}" for reason in lab.models.set_aside()]
    for server in lab.models.servers.states():
        key = f"key from {server.key_variable}" if server.has_key else f"no key ({server.key_variable} is not set)"
        words = server.problem or f"{server.kind}, {say.counted(server.models, 'model')}, {key}"
        lines.append(f"Server {server.name} at {server.url}: {words}")
    for near in lab.models.servers.nearby():
        add = f"python cli.py models --add {near.name}={near.url}"
        lines.append(f"{near.kind} answers at {near.url} and is not used. To use it: {add}")
    return lines


def _change(changes: Changes, lab: Lab) -> None:
    if changes.accept:
        lab.models.accept(changes.accept)
    if changes.add:
        name, equals, url = changes.add.partition("=")
        if not equals:
            raise UsageError("--add needs a name and an address.", "Write it like --add box=http://127.0.0.1:8080/v1.")
        lab.models.servers.add(name.strip(), url)
    if changes.remove:
        lab.models.servers.remove(changes.remove)
    if changes.load_lora:
        model, _, weights = changes.load_lora.partition("=")
        name, _, folder = weights.partition(":")
        if not (model and name and folder):
            raise UsageError("--load-lora needs a model, a name and a folder.", "Write it like box/MODEL=NAME:/FOLDER.")
        lab.models.servers.load_lora(model, name, folder)
    if changes.pull:
        with stoppable() as cancel:
            show_pull(lab.models.servers.pull(changes.pull, cancel=cancel), Console(stderr=True))
