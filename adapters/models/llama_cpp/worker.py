"""The model worker: `python -m adapters.models.llama_cpp.worker`, called by `client`."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict
from typing import Any

import llama_cpp

from adapters.models.llama_cpp.batching import answer_batch
from adapters.models.llama_cpp.messages import request_from_dict
from adapters.models.llama_cpp.native import NativeModel, gpu_layers
from adapters.models.llama_cpp.prompt_format import PromptFormat
from adapters.models.llama_cpp.session import Session
from adapters.processes.server import Emit, serve
from engine.core.errors import AdaptLabError, WorkerDiedError
from engine.core.generation import Message

_quiet = llama_cpp.llama_log_callback(lambda _level, _text, _data: None)


class Worker:
    """Holds at most one loaded model."""

    def __init__(self) -> None:
        """Begin with nothing loaded."""
        self._session: Session | None = None
        self._vocabulary: tuple[str, PromptFormat] | None = None
        """Of the file that was last asked about: its template is compiled once, not within each answer's time."""

    def load(self, request: dict[str, Any], _emit: Emit, cancel: threading.Event) -> dict[str, Any]:
        """Load a model and make room."""
        started = time.perf_counter()
        session, self._session = self._session, None
        if session is not None:
            session.free()
        self._session = Session(
            request["path"], slots=request["slots"], context_tokens=request["context_tokens"], cancel=cancel
        )
        loaded_s = time.perf_counter() - started
        return {"load_s": loaded_s, "context_tokens": self._session.context_tokens, "gpu": gpu_layers() != 0}

    def generate(self, request: dict[str, Any], emit: Emit, _cancel: threading.Event) -> dict[str, Any]:
        """Answer one request, streaming."""
        session = self._loaded()
        wanted = request_from_dict(request["request"])
        return asdict(session.generate(wanted, lambda text: emit({"text": text})))

    def generate_batch(self, request: dict[str, Any], _emit: Emit, _cancel: threading.Event) -> list[dict[str, Any]]:
        """Answer several requests at once."""
        answers = answer_batch(self._loaded(), [request_from_dict(item) for item in request["requests"]])
        return [
            {"error": {"type": type(a).__name__, "what": a.what, "fix": a.fix}}
            if isinstance(a, AdaptLabError)
            else {"error": {"type": "ModelError", "what": str(a), "fix": ""}}
            if isinstance(a, Exception)
            else asdict(a)
            for a in answers
        ]

    def tokenize(self, request: dict[str, Any], _emit: Emit, _cancel: threading.Event) -> list[dict[str, Any]]:
        """Turn prompts, and answers where given, into token ids; loads only the vocabulary if needed."""
        form = self._format(request["path"])
        rows = []
        for item in request["items"]:
            prompt = form.prompt([Message(**message) for message in item["messages"]])
            answer = item.get("answer")
            tokens = (*form.answer(answer), *form.end_tokens) if answer is not None else ()
            rows.append({"prompt_ids": prompt.tokens, "answer_ids": tokens, "text": prompt.text})
        return rows

    def label_tokens(self, request: dict[str, Any], _emit: Emit, _cancel: threading.Event) -> list[list[str]]:
        """Return the texts of the tokens that each label is made of."""
        form = self._format(request["path"])
        return [form.pieces(label) for label in request["labels"]]

    def _format(self, path: str) -> PromptFormat:
        if self._session is not None:
            return self._session.format
        if self._vocabulary is None or self._vocabulary[0] != path:
            self._vocabulary = (path, PromptFormat(NativeModel(path, vocabulary_only=True)))
        return self._vocabulary[1]

    def _loaded(self) -> Session:
        if self._session is None:
            # The caller loads before it asks: this worker replaced one that died in between.
            raise WorkerDiedError("The model worker was restarted and has no model loaded yet.", "Try again.")
        return self._session


if __name__ == "__main__":
    llama_cpp.llama_log_set(_quiet, None)
    worker = Worker()
    serve(
        {
            "load": worker.load,
            "generate": worker.generate,
            "generate_batch": worker.generate_batch,
            "tokenize": worker.tokenize,
            "label_tokens": worker.label_tokens,
        }
    )
