"""What Ollama can do."""

from __future__ import annotations

from engine.core.capabilities import Capabilities, Support

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
        "each, and loading is part of no latency.",
        "counts_tokens": "Counted with the model's file where it is on this machine, else estimated from letters.",
    },
)
