"""Which way of asking an Ollama server for a label comes closest to scoring the labels in this process?

    OLLAMA_HOST=http://127.0.0.1:11434 python -m benchmarks.ollama_labels [MODEL]     # smollm2 by default

Needs a server on this machine with SmolLM2-135M-Instruct made from the GGUF that ships (`tools/ollama.sh` builds one,
`tests/ollama_server.py` makes the model). The same prompts go to llama.cpp here and to the server in three ways: an
object under a JSON schema, a bare enumeration, and the app's own, which reads the first tokens. Rows of
`support-tickets` and, if the folder of `benchmarks.data` has them, of CLINC150: its banking intents and its first 40.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean, median

from adapters.models.llama_cpp.client import LlamaCppModel
from adapters.models.ollama.answers import chat_body
from adapters.models.ollama.listing import OllamaListing
from adapters.models.ollama.model import OllamaModel
from adapters.models.ollama.server import OllamaServer
from adapters.models.remote.label_odds import label_schema, written_label
from adapters.storage.task_folder import read_task
from benchmarks.data import DATA
from benchmarks.prior import intents
from engine.core.generation import Completion, GenerateRequest
from engine.core.ports import LanguageModel
from engine.core.task import Example, Task
from engine.core.variant import DecodingSpec
from engine.running.prompting import build_prompt, decoding_for
from engine.running.sampling import balanced_sample, choose_test_rows
from wiring import open_lab

ROOT = Path(__file__).resolve().parents[1]
ROWS = 40
CONTEXT_TOKENS = 2048

Answer = tuple[str, float]
"""A label and the seconds it took."""


def main() -> int:
    """Ask in each way, print a table."""
    name = sys.argv[1] if len(sys.argv) > 1 else "smollm2"
    server = OllamaServer(os.environ.get("OLLAMA_HOST", "http://127.0.0.1:11434"))
    facts = next(one for one in OllamaListing(server).models() if one.name == name)
    here = LlamaCppModel(open_lab().models.get("smollm2-135m-instruct"))
    there = OllamaModel(facts, server, own_file=LlamaCppModel(replace(facts, backend="llama.cpp", server="")))
    far = OllamaModel(facts, server)
    for model in (here, there, far):
        model.load(slots=1, context_tokens=CONTEXT_TOKENS)
    ways: dict[str, Callable[[GenerateRequest], Answer]] = {
        "in this process": partial(_complete, here),
        "JSON object": partial(_restricted, server, name, label_schema),
        "bare enumeration": partial(_restricted, server, name, _enumeration),
        "first tokens": partial(_complete, there),
        "first tokens, file unknown": partial(_complete, far),
    }
    print("| rows | prompt | asked by | right | as in this process | p50 |\n|---|---|---|---|---|---|")
    for task in _tasks():
        rows = choose_test_rows(task.split("test"), ROWS, seed=0)
        for prompt, shots in (("zero-shot", 0), ("few-shot", max(5, len(task.answer.labels)))):
            requests = _requests(task, rows, balanced_sample(task.split("train"), shots, seed=0), prompt)
            chosen: list[str] = []
            for way, ask in ways.items():
                ask(requests[0])
                answers = [ask(request) for request in requests]
                labels = [label for label, _seconds in answers]
                chosen = chosen or labels
                right = fmean(label == row.target for label, row in zip(labels, rows, strict=True))
                same = fmean(one == other for one, other in zip(labels, chosen, strict=True))
                p50 = median(seconds for _label, seconds in answers)
                print(f"| {task.id} | {prompt} | {way} | {right:.0%} | {same:.0%} | {p50:.3f} s |", flush=True)
    here.close()
    there.close()
    far.close()
    return 0


def _tasks() -> list[Task]:
    tasks = [read_task(ROOT / "data" / "tasks" / "support-tickets")]
    for file, most in (("clinc150-banking", None), ("clinc150-full", 40)):
        if (path := DATA / f"{file}.csv").is_file():
            tasks.append(intents(path, f"{file}-{most}" if most else file, most))
    return tasks


def _requests(task: Task, rows: list[Example], shots: list[Example], slot: str) -> list[GenerateRequest]:
    found = []
    for number, row in enumerate(rows):
        built = build_prompt(task, row.input, shots=shots)
        decoding = decoding_for(task, DecodingSpec(), seed=0, row=number)
        found.append(
            GenerateRequest(
                messages=built.messages, prefix_messages=built.prefix_messages, decoding=decoding, slot=slot
            )
        )
    return found


def _complete(model: LanguageModel, request: GenerateRequest) -> Answer:
    started = time.perf_counter()
    (answer,) = [one for one in model.generate(request) if isinstance(one, Completion)]
    return answer.text, time.perf_counter() - started - answer.load_s


def _restricted(
    server: OllamaServer, name: str, form: Callable[[tuple[str, ...]], dict[str, object]], request: GenerateRequest
) -> Answer:
    body = chat_body(name, request, context_tokens=CONTEXT_TOKENS, thinks=False)
    started = time.perf_counter()
    (reply,) = server.lines("/api/chat", {**body, "stream": False, "format": form(request.decoding.labels)})
    return written_label(reply["message"]["content"], request.decoding.labels), time.perf_counter() - started


def _enumeration(labels: tuple[str, ...]) -> dict[str, object]:
    return {"type": "string", "enum": list(labels)}


if __name__ == "__main__":
    sys.exit(main())
