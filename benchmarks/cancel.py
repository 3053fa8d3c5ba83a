"""How long the model worker takes to stop while it reads a prompt (the hard case) or writes an answer. Goal: 200 ms."""

from __future__ import annotations

import statistics
import sys
import threading
import time

from adapters.models.llama_cpp.client import LlamaCppModel
from engine.core.errors import CancelledError
from engine.core.generation import Decoding, GenerateRequest, Message
from engine.core.variant import DecodingMode
from wiring import open_lab

TRIES = 20


def main() -> int:
    """Measure and print."""
    model = LlamaCppModel(open_lab().models.get("smollm2-135m-instruct"))
    model.load(slots=1, context_tokens=4096)
    for name, words in (("reading the prompt", 1500), ("writing the answer", 5)):
        taken = [_stop_once(model, words) for _ in range(TRIES)]
        print(f"  {name}: median {1000 * statistics.median(taken):.0f} ms, slowest {1000 * max(taken):.0f} ms")
    model.close()
    return 0


def _stop_once(model: LlamaCppModel, words: int) -> float:
    cancel = threading.Event()
    request = GenerateRequest(
        messages=(Message(role="user", content="Tell a long story about a river. " * (words // 7 + 1)),),
        decoding=Decoding(mode=DecodingMode.FREE, max_tokens=512),
    )
    stopped_at = 0.0

    def stop() -> None:
        nonlocal stopped_at
        stopped_at = time.perf_counter()
        cancel.set()

    threading.Timer(0.5, stop).start()
    try:
        for _piece in model.generate(request, cancel=cancel):
            pass
    except CancelledError:
        return time.perf_counter() - stopped_at
    message = "the answer ended before it could be stopped"
    raise RuntimeError(message)


if __name__ == "__main__":
    sys.exit(main())
