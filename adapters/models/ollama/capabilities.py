"""What Ollama can do."""

from __future__ import annotations

from dataclasses import replace

from engine.core.capabilities import Capabilities, Support
from engine.core.generation import ModelFacts

CAPABILITIES = Capabilities(
    streaming=Support.YES,
    choice=Support.YES,
    choice_probabilities=Support.DEPENDS,
    json_schema=Support.YES,
    logprobs=Support.DEPENDS,
    lora_serving=Support.DEPENDS,
    lora_training=Support.DEPENDS,
    batching=Support.DEPENDS,
    own_timings=Support.YES,
    cached_tokens=Support.NO,
    counts_tokens=Support.DEPENDS,
    kept_prompts=Support.NO,
    holds_all=Support.NO,
    reasons={
        "choice_probabilities": "Read from the twenty likeliest tokens (Ollama 0.12.11 or newer): a label whose tokens "
        "are not among them has none.",
        "logprobs": "On its version: 0.12.11 or newer.",
        "lora_serving": "Weights that were trained here become a model of the server; it must run on this machine.",
        "lora_training": "The server must run on this machine, the model's file be readable, and its architecture be "
        "one of those in docs/training.md.",
        "batching": "On the server's OLLAMA_NUM_PARALLEL.",
        "cached_tokens": "Its client does not pass on what newer servers say; a kept prompt shows in the timings.",
        "kept_prompts": "It keeps the last prompt, unless OLLAMA_NUM_PARALLEL gives it room for several: each variant "
        "answers blocks of 20 rows.",
        "holds_all": "They share one file, of which it holds one model at a time: blocks of 20 rows are answered with "
        "each, and loading is not counted in any latency.",
        "counts_tokens": "Counted with the model's file where it is on this machine, else estimated from letters.",
    },
)


def capabilities_of(facts: ModelFacts, *, has_file: bool, lists: bool = True) -> Capabilities:
    """Return what a server can do with a model, as far as it is known by now.

    Args:
        facts: of the model.
        has_file: its file is on this machine and can be read.
        lists: the server has not yet shown that it lists no log-probabilities.
    """
    known, reasons = CAPABILITIES, dict(CAPABILITIES.reasons)
    if not has_file:
        words = "The model's file is not on this machine, or may not be read."
        reasons |= {"lora_training": words, "lora_serving": words}
        known = replace(known, lora_training=Support.NO, lora_serving=Support.NO)
    if facts.forwards_to:
        reasons |= {"kept_prompts": "It is answered elsewhere.", "holds_all": "It is answered elsewhere."}
        known = replace(known, kept_prompts=Support.DEPENDS, holds_all=Support.DEPENDS)
    if not lists:
        words = "This version of Ollama sends no log-probabilities."
        reasons |= {"logprobs": words, "choice_probabilities": words}
        known = replace(known, logprobs=Support.NO, choice_probabilities=Support.NO)
    return replace(known, reasons=reasons)
