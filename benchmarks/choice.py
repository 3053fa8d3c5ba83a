"""Choice decoding in throughput mode against a plain loop of `create_chat_completion` with a grammar.

Both use the same file, zero-shot prompts and threads, and run one after the other. Measured on `support-tickets` and,
if the folder of `benchmarks.data` has them, on short bank intents (CLINC150, 15 classes).
"""

from __future__ import annotations

import json
import sys
import time

from adapters.models.llama_cpp.client import LlamaCppModel
from benchmarks.data import DATA
from benchmarks.prompts import zero_shot_requests
from engine.core.generation import Completion, GenerateRequest
from engine.core.task import Example, Task
from engine.core.techniques import Technique
from engine.ingest.columns import Roles
from engine.ingest.one_step import begin_import, finish_import
from engine.ingest.options import ImportOptions
from engine.running.sampling import choose_test_rows
from wiring import open_lab

ROWS = 100
INTENTS = DATA / "clinc150-banking.csv"


def main() -> int:
    """Measure each task."""
    lab = open_lab()
    names = ["support-tickets"]
    if INTENTS.is_file():
        options = ImportOptions(roles=Roles(inputs=("text",), target="intent", split="split"))
        compared = begin_import(lab.tables.read_path(INTENTS), options)
        names.append(lab.tables.save(finish_import(compared, options, task_id=INTENTS.stem).task))
    for name in names:
        _measure(name)
    return 0


def _measure(name: str) -> None:
    """Measure both twice, in turns, and print the better result of each."""
    lab = open_lab()
    task, facts = lab.tasks.get(name), lab.models.get("smollm2-135m-instruct")
    rows = choose_test_rows(task.split("test"), ROWS, seed=0)
    plan = lab.plans.make(
        task_id=task.id, model_id=facts.id, techniques=[Technique.ZERO_SHOT], limit=ROWS, throughput=True
    )
    requests = zero_shot_requests(task, rows, seed=plan.seed)
    model = LlamaCppModel(facts)
    model.load(slots=1, context_tokens=2048)
    model.generate_batch(requests[:2])
    ours, plain = [], []
    for _ in range(2):
        started = time.perf_counter()
        answers = [a for a in model.generate_batch(requests) if isinstance(a, Completion)]
        ours.append(
            (time.perf_counter() - started, sum(a.text == r.target for a, r in zip(answers, rows, strict=True)))
        )
        plain.append(_plain_loop(facts.path, task, rows, requests))
    model.close()
    ours_s, ours_right = min(ours)
    plain_s, plain_right = min(plain)
    print(f"  {name}")
    print(f"  choice, throughput: {ROWS / ours_s:.1f} rows/s, {ours_right} of {ROWS} right")
    print(f"  plain loop with grammar: {ROWS / plain_s:.1f} rows/s, {plain_right} of {ROWS} right")
    print(f"  ratio: {plain_s / ours_s:.2f}", flush=True)


def _plain_loop(path: str, task: Task, rows: list[Example], requests: list[GenerateRequest]) -> tuple[float, int]:
    import llama_cpp

    from adapters.models.llama_cpp.loading import set_as_default

    set_as_default()

    alternatives = " | ".join(json.dumps(label) for label in task.answer.labels)
    grammar = llama_cpp.LlamaGrammar.from_string(f"root ::= {alternatives}", verbose=False)
    llama = llama_cpp.Llama(path, n_ctx=2048, n_threads=2, verbose=False)
    right = 0
    started = time.perf_counter()
    for row, request in zip(rows, requests, strict=True):
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        reply = llama.create_chat_completion(messages=messages, grammar=grammar, temperature=0.0, max_tokens=32)
        right += reply["choices"][0]["message"]["content"] == row.target
    seconds = time.perf_counter() - started
    llama.close()
    return seconds, right


if __name__ == "__main__":
    sys.exit(main())
