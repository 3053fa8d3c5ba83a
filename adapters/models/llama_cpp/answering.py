"""How one answer is generated: a label by search, text token by token, JSON under a grammar."""

from __future__ import annotations

import codecs
import ctypes
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import llama_cpp
import numpy as np
from llama_cpp.llama_grammar import json_schema_to_gbnf
from numpy.typing import NDArray

from adapters.models.llama_cpp.native import NativeModel
from engine.core.errors import UnsupportedError
from engine.core.text.stop_words import UpToStop

Logits = NDArray[np.float32]


class Sampler:
    """Picks the next token: the most probable one, or a draw at a temperature, under a grammar if there is one."""

    def __init__(self, model: NativeModel, *, temperature: float, seed: int, grammar: Any = None) -> None:
        """Set up; `grammar` is a llama.cpp sampler."""
        self._model = model
        self._temperature = temperature
        self._random = np.random.default_rng(seed)
        self._grammar = grammar

    def pick(self, logits: Logits) -> int:
        """Pick from logits of shape (vocabulary,)."""
        token = self._draw(logits)
        if self._grammar is None:
            return token
        if not self._allowed([token], logits[[token]])[0]:
            order = np.arange(len(logits), dtype=np.int32)
            token = self._draw(np.where(self._allowed(order, logits), logits, -np.inf).astype(np.float32))
        llama_cpp.llama_sampler_accept(self._grammar, token)
        return token

    def _draw(self, logits: Logits) -> int:
        if self._temperature <= 0:
            return int(logits.argmax())
        scaled = logits.astype(np.float64) / self._temperature
        scaled = np.exp(scaled - scaled.max())
        return int(self._random.choice(len(scaled), p=scaled / scaled.sum()))

    def _allowed(self, tokens: Any, logits: Logits) -> NDArray[np.bool_]:
        """Ask the grammar which tokens may come next."""
        count = len(tokens)
        data = np.zeros(count, dtype=[("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        data["id"], data["logit"] = tokens, logits
        array = llama_cpp.llama_token_data_array(
            data=data.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token_data)), size=count, selected=-1, sorted=False
        )
        llama_cpp.llama_sampler_apply(self._grammar, ctypes.byref(array))
        # The grammar sampler marks what it forbids in place, so the order of `data` still is that of `tokens`.
        allowed: NDArray[np.bool_] = np.isfinite(data["logit"])
        return allowed


@contextmanager
def json_grammar(model: NativeModel, schema: Mapping[str, Any]) -> Iterator[Any]:
    """Make a grammar sampler for a JSON schema, and free it.

    Raises:
        UnsupportedError: llama.cpp has no grammar for this schema.
    """
    try:
        grammar = json_schema_to_gbnf(json.dumps(schema))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnsupportedError(f"The JSON schema cannot become a grammar: {error}.", "Simplify the schema.") from error
    sampler = llama_cpp.llama_sampler_init_grammar(model.vocabulary, grammar.encode(), b"root")
    if not sampler:
        raise UnsupportedError("llama.cpp refuses the JSON schema's grammar.", "Simplify the schema.")
    try:
        yield sampler
    finally:
        llama_cpp.llama_sampler_free(sampler)


class TextAssembler:
    """Puts token pieces together as text, holding back bytes that do not yet make a character, and stop words."""

    def __init__(self, piece: Callable[[int], bytes], stop: tuple[str, ...]) -> None:
        """Begin with nothing."""
        self._piece = piece
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._written = UpToStop(stop)

    @property
    def text(self) -> str:
        """What was written so far."""
        return self._written.text

    @property
    def stopped(self) -> bool:
        """Whether a stop word was written."""
        return self._written.stopped

    def add(self, token: int) -> str:
        """Take a token; return what can be shown now."""
        return self._written.add(self._decoder.decode(self._piece(token)))

    def finish(self) -> str:
        """Return what was held back."""
        return self._written.add(self._decoder.decode(b"", final=True)) + self._written.finish()
