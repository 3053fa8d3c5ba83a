"""Rows per second at a server with 1, 4, 16 and 64 rows in flight; its LoRA weights too, if it serves any.

    python -m benchmarks.in_flight http://127.0.0.1:8000/v1 [--rows 64]

Zero-shot choices on `support-tickets`, sent as throughput mode sends them. Every number in flight gets rows of its own,
since a server may keep the prompts that it has read.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.dialects import dialect_named
from adapters.models.openai_compatible.listing import list_models
from adapters.models.openai_compatible.model import OpenAICompatibleModel
from benchmarks.prompts import zero_shot_requests
from engine.core.errors import UnsupportedError
from engine.core.generation import Completion, GenerateRequest, LoraWeights
from engine.core.task import Example
from wiring import open_lab

IN_FLIGHT = (1, 4, 16, 64)
WARM_UP_ROWS = 4
CONTEXT_TOKENS = 2048


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--rows", type=int, default=64)
    asked = parser.parse_args()
    task = open_lab().tasks.get("support-tickets")
    rows = list(task.examples)
    random.Random(0).shuffle(rows)
    most = (len(rows) - WARM_UP_ROWS) // len(IN_FLIGHT)
    if asked.rows > most:
        parser.error(f"the task has {most} rows for each number in flight")
    requests = zero_shot_requests(task, rows)
    client = Client("bench", asked.url)
    facts = list_models(client)[0]
    dialect = dialect_named(facts.backend)
    print(f"  {facts.name} at {dialect.title}, {asked.rows} rows for each number in flight")
    for weights in _weights(OpenAICompatibleModel(facts, client, dialect)):
        name = f"LoRA weights '{weights.locator}'" if weights else "base"
        asking = [replace(request, lora=weights) for request in requests]
        for place, count in enumerate(IN_FLIGHT):
            model = OpenAICompatibleModel(facts, client, dialect, parallel=count)
            model.load(slots=count, context_tokens=CONTEXT_TOKENS)
            model.generate_batch(asking[-WARM_UP_ROWS:])
            part = slice(place * asked.rows, (place + 1) * asked.rows)
            _measure(model, asking[part], rows[part], f"{name}, {count} in flight")
    client.close()
    return 0


def _weights(model: OpenAICompatibleModel) -> list[LoraWeights | None]:
    """Return what is measured: the base, and the weights that the server holds for it."""
    try:
        return [None, model.served_lora()]
    except UnsupportedError:
        return [None]


def _measure(
    model: OpenAICompatibleModel, requests: Sequence[GenerateRequest], rows: Sequence[Example], name: str
) -> None:
    started = time.perf_counter()
    answers = model.generate_batch(requests)
    seconds = time.perf_counter() - started
    for error in {f"{type(answer).__name__}: {answer}" for answer in answers if not isinstance(answer, Completion)}:
        print(f"  {error}")
    texts = [answer.text if isinstance(answer, Completion) else None for answer in answers]
    right = sum(text == row.target for text, row in zip(texts, rows, strict=True))
    print(
        f"  {name}: {len(rows) / seconds:.2f} rows/s, {right} of {len(rows)} right, {texts.count(None)} failed",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
