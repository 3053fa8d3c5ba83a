"""The worker's side: read requests from standard input, answer on standard output, exit when input ends.

Native code may print; standard output is therefore redirected to standard error, and answers go out on a
descriptor that nothing else uses.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from adapters.storage.files import FREE_SPACE, disk_is_full
from engine.core.errors import AdaptLabError

Emit = Callable[[dict[str, Any]], None]
Handler = Callable[[dict[str, Any], Emit, threading.Event], Any]


def serve(handlers: Mapping[str, Handler]) -> None:
    """Answer requests one by one until input ends.

    A handler gets the request, a function that sends an event to the caller, and an event that is set when
    the caller cancels; what it returns is sent as `result`. A cancelled handler raises `CancelledError`.
    """
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    cancel = threading.Event()
    current = {"id": 0}
    sending = threading.Lock()

    def send(message: dict[str, Any]) -> None:
        line = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        with sending:
            answers.write(line)
            answers.flush()

    def listen() -> None:
        for line in sys.stdin.buffer:
            message = json.loads(line)
            if message.get("operation") == "cancel":
                if message.get("cancels") == current["id"]:
                    cancel.set()
            else:
                cancel.clear()
                current["id"] = message["id"]
                requests.put(message)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        request = requests.get()
        number = request["id"]
        try:
            handler = handlers[request["operation"]]
            result = handler(request, _emitter(send, number), cancel)
            send({"id": number, "result": result})
        except AdaptLabError as error:
            send({"id": number, "error": {"type": type(error).__name__, "what": error.what, "fix": error.fix}})
        except MemoryError:
            send({"id": number, "error": {"type": "WorkerError", "what": "Out of memory.", "fix": "Free memory."}})
        except Exception as error:  # noqa: BLE001 - the boundary of the process: the caller must learn of any error
            traceback.print_exc(file=sys.stderr)
            if disk_is_full(error):
                told = {"type": "DiskFullError", "what": f"No space is left on the disk ({error}).", "fix": FREE_SPACE}
            else:
                told = {"type": "WorkerError", "what": f"{type(error).__name__}: {error}", "fix": ""}
            send({"id": number, "error": told})


def _emitter(send: Emit, number: int) -> Emit:
    """Return what a handler calls to send an event of its request."""

    def emit(event: dict[str, Any]) -> None:
        send({"id": number, **event})

    return emit
