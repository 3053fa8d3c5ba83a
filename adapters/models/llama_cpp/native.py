"""A GGUF loaded in llama.cpp: tokens in, logits out, with the sequences' kept prefixes and LoRA weights.

This is a thin layer over the C interface, since the high-level `Llama` class keeps one sequence only.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from adapters.models.llama_cpp.loading import model_parameters
from engine.core.errors import CanaryError, CancelledError, ModelError, ModelFileError
from engine.core.steps import ANSWER_STOPPED

BATCH_TOKENS = 2048
ABORTED = 2
GPU_LAYERS_VARIABLE = "ADAPTLAB_GPU_LAYERS"
ALL_LAYERS = 999


@dataclass(frozen=True, slots=True)
class Lora:
    """LoRA weights as set on a context: file and scale. An empty path is the bare base."""

    path: str = ""
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One token to be evaluated."""

    token: int
    position: int
    sequence: int
    wants_logits: bool = False


def gpu_layers() -> int:
    """Return how many layers go to the GPU: all where llama.cpp was built with one, or what the variable says."""
    if not llama_cpp.llama_supports_gpu_offload():
        return 0
    try:
        return int(os.environ.get(GPU_LAYERS_VARIABLE, ALL_LAYERS))
    except ValueError:
        return ALL_LAYERS


class NativeModel:
    """The weights and the vocabulary; contexts are made on it."""

    def __init__(self, path: str, *, vocabulary_only: bool = False) -> None:
        """Load the file.

        Raises:
            ModelFileError: llama.cpp refuses it.
        """
        llama_cpp.llama_backend_init()
        parameters = model_parameters()
        parameters.vocab_only = vocabulary_only
        parameters.n_gpu_layers = gpu_layers()
        self._model: Any = llama_cpp.llama_model_load_from_file(path.encode(), parameters)
        if not self._model:
            raise ModelFileError(f"llama.cpp cannot load '{Path(path).name}'.", "Download the file again.")
        self.vocabulary: Any = llama_cpp.llama_model_get_vocab(self._model)
        self.size = int(llama_cpp.llama_vocab_n_tokens(self.vocabulary))
        self.context_tokens = int(llama_cpp.llama_model_n_ctx_train(self._model))
        self._loras: dict[str, Any] = {}

    def free(self) -> None:
        """Free the memory, including that of LoRA weights; contexts on it must be closed before."""
        llama_cpp.llama_model_free(self._model)
        self._loras.clear()

    @property
    def handle(self) -> Any:
        """The C pointer."""
        return self._model

    def chat_template(self) -> str | None:
        """Return the file's own chat template."""
        text = llama_cpp.llama_model_chat_template(self._model, None)
        return text.decode("utf-8", "replace") if text else None

    def metadata(self, key: str) -> str | None:
        """Return one metadata value as text."""
        buffer = ctypes.create_string_buffer(1024)
        length = llama_cpp.llama_model_meta_val_str(self._model, key.encode(), buffer, 1024)
        return buffer.value.decode("utf-8", "replace") if length >= 0 else None

    def tokenize(self, text: str, *, special: bool, begin: bool) -> list[int]:
        """Turn text into token ids; `special` reads control tokens, `begin` adds what the model starts with."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        while True:
            tokens = (llama_cpp.llama_token * room)()
            count = llama_cpp.llama_tokenize(self.vocabulary, data, len(data), tokens, room, begin, special)
            if count >= 0:
                return list(tokens[:count])
            room = -count

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """Return the bytes of a token; those of control tokens only if `special`."""
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = llama_cpp.llama_token_to_piece(self.vocabulary, token, buffer, room, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    def text(self, tokens: Sequence[int], *, special: bool = False) -> str:
        """Return the text of tokens."""
        return b"".join(self.piece(token, special=special) for token in tokens).decode("utf-8", "replace")

    def texts_with(self, attributes: int) -> list[str]:
        """Return the texts of all tokens that have one of these attributes."""
        return [
            llama_cpp.llama_vocab_get_text(self.vocabulary, token).decode("utf-8", "replace")
            for token in range(self.size)
            if llama_cpp.llama_vocab_get_attr(self.vocabulary, token) & attributes
        ]

    def ends_turn(self, token: int) -> bool:
        """Tell whether a token ends the answer."""
        return bool(llama_cpp.llama_vocab_is_eog(self.vocabulary, token))

    def lora(self, path: str) -> Any:
        """Load LoRA weights once.

        Raises:
            CanaryError: llama.cpp refuses them for this base.
        """
        if path not in self._loras:
            handle = llama_cpp.llama_adapter_lora_init(self._model, path.encode())
            if not handle:
                raise CanaryError(
                    f"llama.cpp cannot put the LoRA weights '{Path(path).parent.name}' on this base.",
                    "Train them again on this model.",
                )
            self._loras[path] = handle
        return self._loras[path]


class Context:
    """A KV cache with this many sequences, and the evaluation of tokens in them."""

    def __init__(
        self,
        model: NativeModel,
        *,
        sequences: int,
        tokens_per_sequence: int,
        shared: bool,
        threads: int,
        cancel: threading.Event,
    ) -> None:
        """Make a context; `shared` puts all sequences into one buffer, so that they may share cells.

        Raises:
            ModelError: there is not enough memory for it.
        """
        self.model = model
        self.tokens_per_sequence = tokens_per_sequence
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = tokens_per_sequence if shared else sequences * tokens_per_sequence
        parameters.n_batch = BATCH_TOKENS
        parameters.n_ubatch = 512
        parameters.n_seq_max = sequences
        parameters.n_threads = threads
        parameters.n_threads_batch = threads
        parameters.kv_unified = shared
        parameters.swa_full = True
        parameters.no_perf = True
        self._abort = llama_cpp.ggml_abort_callback(lambda _data: cancel.is_set())
        self._cancel = cancel
        parameters.abort_callback = self._abort
        self._context: Any = llama_cpp.llama_init_from_model(model.handle, parameters)
        if not self._context:
            raise ModelError(
                f"There is not enough memory for {sequences} x {tokens_per_sequence} tokens of context.",
                "Run fewer variants at once or choose a smaller context.",
            )
        self._memory: Any = llama_cpp.llama_get_memory(self._context)
        self._batch: Any = llama_cpp.llama_batch_init(BATCH_TOKENS, 0, 1)
        self._lora = Lora()

    def free(self) -> None:
        """Free the memory."""
        llama_cpp.llama_batch_free(self._batch)
        llama_cpp.llama_free(self._context)

    def set_lora(self, lora: Lora) -> None:
        """Put LoRA weights on the base, or take them off."""
        if lora == self._lora:
            return
        if lora.path:
            handles = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(self.model.lora(lora.path))
            scales = (ctypes.c_float * 1)(lora.scale)
            failed = llama_cpp.llama_set_adapters_lora(self._context, handles, 1, scales)
        else:
            failed = llama_cpp.llama_set_adapters_lora(self._context, None, 0, None)
        if failed:
            raise CanaryError("llama.cpp rejected the LoRA weights.", "Train them again on this model.")
        self._lora = lora

    def keep(self, sequence: int, length: int) -> bool:
        """Forget what follows the first `length` tokens; False if this model can only forget all."""
        return bool(llama_cpp.llama_memory_seq_rm(self._memory, sequence, length, -1))

    def clear(self, sequence: int) -> None:
        """Forget a sequence."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def copy(self, source: int, target: int) -> None:
        """Let `target` begin with all that `source` holds."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def evaluate(self, entries: Sequence[Entry]) -> list[NDArray[np.float32]]:
        """Evaluate tokens; return the logits (shape: vocabulary, float32) of those that want them, in order.

        Raises:
            CancelledError: cancelled during evaluation; the sequences involved are inconsistent and must be cleared.
            ModelError: llama.cpp failed.
        """
        found: list[NDArray[np.float32]] = []
        for start in range(0, len(entries), BATCH_TOKENS):
            part = entries[start : start + BATCH_TOKENS]
            batch = self._batch
            batch.n_tokens = len(part)
            for index, entry in enumerate(part):
                batch.token[index] = entry.token
                batch.pos[index] = entry.position
                batch.n_seq_id[index] = 1
                batch.seq_id[index][0] = entry.sequence
                batch.logits[index] = entry.wants_logits
            code = llama_cpp.llama_decode(self._context, batch)
            if code == ABORTED or (code and self._cancel.is_set()):
                raise CancelledError(ANSWER_STOPPED)
            if code:
                raise ModelError(f"llama.cpp could not evaluate {len(part)} tokens (code {code}).", "Try a new run.")
            for index, entry in enumerate(part):
                if entry.wants_logits:
                    pointer = llama_cpp.llama_get_logits_ith(self._context, index)
                    found.append(np.ctypeslib.as_array(pointer, shape=(self.model.size,)).copy())
        return found
