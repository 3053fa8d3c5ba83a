"""The caller's side of llama.cpp: a `LanguageModel` that lives in a worker process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from adapters.models.fit import refuse_if_it_does_not_fit
from adapters.models.gguf_header import read_header
from adapters.models.llama_cpp.messages import completion_from_dict
from adapters.processes.client import WorkerProcess
from engine.core.capabilities import Capabilities, Support
from engine.core.errors import error_from_name
from engine.core.generation import Completion, GenerateRequest, LoraWeights, Message, ModelFacts, TextPiece, TokenPair
from engine.core.run.plan import CONTEXT_TOKENS
from engine.core.steps import CancelSignal

_ENVIRONMENT = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}
"""Waiting threads sleep instead of spinning: beside other busy programs, spinning made answers 5 to 20 times slower."""

CAPABILITIES = Capabilities(
    streaming=Support.YES,
    choice=Support.YES,
    choice_probabilities=Support.YES,
    json_schema=Support.YES,
    logprobs=Support.YES,
    lora_serving=Support.YES,
    lora_training=Support.DEPENDS,
    batching=Support.YES,
    own_timings=Support.YES,
    cached_tokens=Support.YES,
    counts_tokens=Support.YES,
    kept_prompts=Support.YES,
    holds_all=Support.YES,
    reasons={"lora_training": "On the model's architecture; docs/training.md lists those that can be trained."},
)


class LlamaCppModel:
    """A GGUF served by llama.cpp in a process of its own. A worker that died is restarted and loads it again."""

    def __init__(self, facts: ModelFacts) -> None:
        """Describe the model; nothing is started yet."""
        self.facts = facts
        self._worker = WorkerProcess("adapters.models.llama_cpp.worker", name="model worker", environment=_ENVIRONMENT)
        self._room = (1, min(CONTEXT_TOKENS, facts.context_tokens))
        self._loaded_pid: int | None = None
        self._uses_gpu = False

    @property
    def capabilities(self) -> Capabilities:
        """What llama.cpp can do here."""
        return CAPABILITIES

    @property
    def answered_by(self) -> str:
        """The library's version."""
        return f"llama-cpp-python {version('llama-cpp-python')}"

    @property
    def rss_bytes(self) -> int:
        """Resident memory of the worker."""
        return self._worker.rss_bytes

    @property
    def uses_gpu(self) -> bool:
        """Whether layers of it are on a GPU."""
        return self._uses_gpu

    @property
    def worker_pid(self) -> int | None:
        """The worker's process id while it runs."""
        return self._worker.pid

    def load(self, *, slots: int, context_tokens: int, cancel: CancelSignal | None = None) -> float:
        """Load with room for `slots` prompts of up to `context_tokens` tokens; seconds, 0 if it was loaded."""
        wanted = (slots, min(context_tokens, self.facts.context_tokens))
        if self._loaded_pid is not None and self._loaded_pid == self._worker.pid and wanted == self._room:
            return 0.0
        self._room = wanted
        return self._load(cancel)

    def _load(self, cancel: CancelSignal | None) -> float:
        slots, context_tokens = self._room
        self._look_whether_it_fits(slots, context_tokens)
        payload = {"path": self.facts.path, "slots": slots, "context_tokens": context_tokens}
        self._loaded_pid = None  # a load that fails leaves a worker without a model
        result = self._worker.call("load", payload, cancel=cancel)
        self._loaded_pid = self._worker.pid
        self._uses_gpu = bool(result["gpu"])
        return float(result["load_s"])

    def _look_whether_it_fits(self, slots: int, context_tokens: int) -> None:
        path = Path(self.facts.path)
        if not path.is_file():
            return  # the worker itself reports it
        held = self._worker.rss_bytes  # a worker that loads again frees what it holds
        refuse_if_it_does_not_fit(
            read_header(path),
            self.facts.name,
            size_bytes=self.facts.size_bytes,
            slots=slots,
            context_tokens=context_tokens,
            free_bytes=int(psutil.virtual_memory().available) + held,
        )

    def _ensure_loaded(self, cancel: CancelSignal | None) -> None:
        if self._loaded_pid is None or self._loaded_pid != self._worker.pid:
            self._load(cancel)

    def generate(
        self, request: GenerateRequest, *, cancel: CancelSignal | None = None
    ) -> Iterator[TextPiece | Completion]:
        """Answer one request: pieces of text, then the completion."""
        self._ensure_loaded(cancel)
        for message in self._worker.stream("generate", {"request": asdict(request)}, cancel=cancel):
            if "result" in message:
                yield completion_from_dict(message["result"])
            else:
                yield TextPiece(text=str(message["text"]))

    def generate_batch(
        self, requests: Sequence[GenerateRequest], *, cancel: CancelSignal | None = None
    ) -> list[Completion | Exception]:
        """Answer several requests of one slot at once."""
        self._ensure_loaded(cancel)
        payload = {"requests": [asdict(request) for request in requests]}
        answers: list[Completion | Exception] = []
        for item in self._worker.call("generate_batch", payload, cancel=cancel):
            if "error" in item:
                error = item["error"]
                answers.append(error_from_name(error["type"], error["what"], error["fix"]))
            else:
                answers.append(completion_from_dict(item))
        return answers

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count the tokens of a prompt; the vocabulary suffices."""
        return len(self._tokenize([{"messages": [asdict(message) for message in messages]}])[0]["prompt_ids"])

    def prompt_text(self, messages: Sequence[Message]) -> tuple[str, int]:
        """Return the exact text that a prompt becomes in the model's chat template, and its tokens."""
        row = self._tokenize([{"messages": [asdict(message) for message in messages]}])[0]
        return str(row["text"]), len(row["prompt_ids"])

    def tokenize_pairs(self, pairs: Sequence[tuple[Sequence[Message], str]]) -> list[TokenPair]:
        """Turn prompts and right answers into token ids, each answer closed by the end of its turn."""
        items = [{"messages": [asdict(m) for m in messages], "answer": answer} for messages, answer in pairs]
        return [
            TokenPair(prompt_ids=tuple(row["prompt_ids"]), answer_ids=tuple(row["answer_ids"]))
            for row in self._tokenize(items)
        ]

    def label_tokens(self, labels: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the texts of the tokens that each label is made of, as the model writes it after a prompt."""
        told = self._worker.call("label_tokens", {"path": self.facts.path, "labels": list(labels)})
        return {label: tuple(tokens) for label, tokens in zip(labels, told, strict=True)}

    def _tokenize(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._worker.call("tokenize", {"path": self.facts.path, "items": items})
        return rows

    def served_lora(self) -> LoraWeights | None:
        """Return None: it takes the weights that are trained here."""
        return None

    def close(self) -> None:
        """End the worker."""
        self._worker.close()
        self._loaded_pid = None
