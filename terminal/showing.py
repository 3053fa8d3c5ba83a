"""What is there: tasks, models, servers."""

from __future__ import annotations

import argparse
import signal
import threading

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from engine.core.errors import UsageError
from terminal.exits import EXIT_DONE
from terminal.progress import show_pull
from wiring import LocalShelf, open_shelf


def tasks(_options: argparse.Namespace) -> int:
    """List the tasks."""
    table = Table("task", "title", "rows", "documents", "what", box=None)
    for info in open_shelf().tasks():
        rows = ", ".join(f"{name} {count}" for name, count in info.rows.items())
        table.add_row(*map(escape, (info.id, info.title, rows, str(info.documents), info.summary)))
    Console().print(table)
    return EXIT_DONE


def check_task(options: argparse.Namespace) -> int:
    """Check a task folder."""
    task = open_shelf().check_task(options.path)
    Console(highlight=False).print(
        f"{escape(task.id)}: {len(task.examples)} rows, {len(task.documents)} documents. No faults."
    )
    return EXIT_DONE


def models(options: argparse.Namespace) -> int:
    """List models and servers, after what was asked to be changed."""
    shelf = open_shelf()
    if options.accept:
        shelf.accept_model(options.accept)
    _change_servers(options, shelf)
    table = Table(Column("model", overflow="fold", min_width=24), box=None)  # ids are copied: they are never cut
    for name in ("name", "backend", "architecture", "quantization", "size", "context", "chat template", "digest"):
        table.add_column(name)
    for facts in shelf.models():
        digest = shelf.model(facts.id).digest[:12]
        template = facts.template_digest if facts.chat_template else "the server's" if facts.server else "none"
        size = f"{facts.size_bytes / 1e6:,.0f} MB" if facts.size_bytes else "not said"
        context = f"{facts.context_tokens:,}" if facts.context_tokens else "not said"
        cells = (facts.id, facts.name, facts.backend, facts.architecture, facts.quantization, size, context)
        table.add_row(*map(escape, (*cells, template, digest)))
    console = Console()
    console.print(table)
    for facts in shelf.models():
        if facts.terms:
            console.print(f"{escape(facts.id)}: {escape(facts.terms)}")
    for offer in shelf.model_offers():
        console.print(f"{escape(offer.id)} waits for its terms: {escape(offer.terms)}", soft_wrap=True)
        console.print(f"Accept them with: python cli.py models --accept {escape(offer.id)}", soft_wrap=True)
    for reason in shelf.refused_models():
        console.print(f"Not usable: {escape(reason)}")
    for reason in shelf.set_aside_models():
        console.print(f"Set aside: {escape(reason)}")
    for server in shelf.servers.states():
        key = f"key from {server.key_variable}" if server.has_key else f"no key ({server.key_variable} is not set)"
        count = f"{server.models} model{'' if server.models == 1 else 's'}"
        words = server.problem or f"{server.kind}, {count}, {key}"
        console.print(f"Server {escape(server.name)} at {escape(server.url)}: {escape(words)}", soft_wrap=True)
    return EXIT_DONE


def _change_servers(options: argparse.Namespace, shelf: LocalShelf) -> None:
    if options.add:
        name, equals, url = options.add.partition("=")
        if not equals:
            raise UsageError("--add wants a name and an address.", "Write it like --add box=http://127.0.0.1:8080/v1.")
        shelf.servers.add(name.strip(), url)
    if options.remove:
        shelf.servers.remove(options.remove)
    if options.load_lora:
        model, _, weights = options.load_lora.partition("=")
        name, _, folder = weights.partition(":")
        if not (model and name and folder):
            raise UsageError("--load-lora wants a model, a name and a folder.", "Write it like box/MODEL=NAME:/FOLDER.")
        shelf.servers.load_lora(model, name, folder)
    if options.pull:
        cancel = threading.Event()
        before = signal.signal(signal.SIGINT, lambda _signal, _frame: cancel.set())
        try:
            show_pull(shelf.servers.pull(options.pull, cancel=cancel), Console(stderr=True))
        finally:
            signal.signal(signal.SIGINT, before)
