"""Which kind of OpenAI-compatible server answers, and what each kind can do beyond what all have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from engine.core.capabilities import Capabilities, Support


class ChoiceBy(StrEnum):
    """How a server is restricted to the labels."""

    TOKENS = "tokens"
    """Each label scored along its own tokens, as llama.cpp does here."""
    CHOICE_OPTION = "choice option"
    GRAMMAR = "grammar"
    SCHEMA = "schema"


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """One kind of server."""

    name: str
    title: str
    choice_by: ChoiceBy
    capabilities: Capabilities
    schema_in_json_object: bool = False
    """The schema goes into `response_format` of type `json_object`, not `json_schema`."""
    sampling: Mapping[str, float] = field(default_factory=dict)
    """Options, by this server's names, that leave everything to temperature and seed, as llama.cpp does here."""
    template_options: bool = False
    """Takes options of the chat template, so that models that can think are asked not to, as llama.cpp is here."""
    usage_in_stream: bool = True
    max_tokens_name: str = "max_tokens"
    strict_only: bool = False
    """Refuses to hold an answer strictly to a schema that leaves fields open."""
    version_at: tuple[str, str] | None = None
    """Where it tells its version: a route, and the field of what comes back."""
    older: Dialect | None = None
    """The same kind of server in versions that do not say how probable the tokens of labels are."""


_COMMON = Capabilities(
    streaming=Support.YES,
    choice=Support.DEPENDS,
    choice_probabilities=Support.DEPENDS,
    json_schema=Support.DEPENDS,
    logprobs=Support.DEPENDS,
    lora_serving=Support.NO,
    lora_training=Support.NO,
    batching=Support.YES,
    own_timings=Support.NO,
    cached_tokens=Support.DEPENDS,
    counts_tokens=Support.NO,
    kept_prompts=Support.DEPENDS,
    holds_all=Support.YES,
    reasons={
        "choice": "Through a JSON schema, if the server follows schemas; else the answer is parsed from free text.",
        "choice_probabilities": "Read from the log-probabilities sent along, if any: tokens that are not listed count "
        "as nothing, and what could become several labels is given for them together.",
        "json_schema": "On the server; one that does not support schemas says so, and the run ends.",
        "logprobs": "On the server and the model.",
        "lora_serving": "There is no common way to ask for LoRA weights.",
        "lora_training": "The weights of the model are not on this machine.",
        "own_timings": "Times are measured here, including the network.",
        "cached_tokens": "On the server; 0 where it does not report them.",
        "counts_tokens": "Estimated from the prompt's letters; the count that an answer brings is the server's.",
        "kept_prompts": "On the server.",
    },
)


def _with(changes: Mapping[str, Support], reasons: Mapping[str, str]) -> Capabilities:
    kept = {name: words for name, words in _COMMON.reasons.items() if changes.get(name) is not Support.YES}
    return replace(_COMMON, **changes, reasons={**kept, **reasons})


_NATURAL = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}
_LLAMA_CPP = {**_NATURAL, "repeat_penalty": 1.0}
_VLLM = {**_NATURAL, "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
"""vLLM otherwise takes what the model's `generation_config.json` recommends."""

GENERIC = Dialect(
    name="openai-compatible", title="Other OpenAI-compatible", choice_by=ChoiceBy.SCHEMA, capabilities=_COMMON
)
LLAMA_SERVER = Dialect(
    name="llama-server",
    title="llama-server",
    version_at=("/props", "build_info"),
    choice_by=ChoiceBy.TOKENS,
    sampling=_LLAMA_CPP,
    template_options=True,
    capabilities=_with(
        dict.fromkeys(
            ("choice", "choice_probabilities", "json_schema", "logprobs", "own_timings", "cached_tokens",
             "counts_tokens"),
            Support.YES,
        )
        | {"lora_serving": Support.DEPENDS, "lora_training": Support.NO},
        {
            "choice_probabilities": "None where the server lists no token, as it may within a character such as an "
            "emoji: there a grammar restricts it to the labels.",
            "lora_serving": "Weights that the server was started with (`--lora`); they are switched per request.",
            "lora_training": "Train on the same GGUF here, then start the server with the weights.",
            "kept_prompts": "One in each of its slots (`-np`).",
        },
    ),
)  # fmt: skip
LLAMA_CPP_PYTHON = Dialect(
    name="llama-cpp-python",
    title="llama_cpp.server",
    choice_by=ChoiceBy.GRAMMAR,
    schema_in_json_object=True,
    sampling=_LLAMA_CPP,
    usage_in_stream=False,
    capabilities=_with(
        {
            "choice": Support.YES,
            "json_schema": Support.YES,
            "batching": Support.NO,
            "cached_tokens": Support.NO,
            "kept_prompts": Support.NO,
        },
        {
            "kept_prompts": "It keeps the last prompt: each variant answers blocks of 20 rows.",
            "batching": "It answers one request at a time.",
            "cached_tokens": "It does not say.",
            "counts_tokens": "Counted by the server's tokenizer, the marks between turns estimated.",
        },
    ),
)
_VLLM_BEFORE = Dialect(
    name="vllm",
    title="vLLM",
    version_at=("/version", "version"),
    choice_by=ChoiceBy.CHOICE_OPTION,
    sampling=_VLLM,
    template_options=True,
    capabilities=_with(
        {
            "choice": Support.YES,
            "json_schema": Support.YES,
            "logprobs": Support.YES,
            "lora_serving": Support.DEPENDS,
            "counts_tokens": Support.YES,
            "kept_prompts": Support.YES,
        },
        {
            "lora_serving": "Weights that the server serves under a name of their own, for this base.",
            "cached_tokens": "Only where the server was started with `--enable-prompt-tokens-details`.",
        },
    ),
)
VLLM = replace(
    _VLLM_BEFORE,
    choice_by=ChoiceBy.TOKENS,
    older=_VLLM_BEFORE,
    capabilities=replace(
        _VLLM_BEFORE.capabilities,
        choice_probabilities=Support.YES,
        reasons={
            **_VLLM_BEFORE.capabilities.reasons,
            "choice_probabilities": "Versions without `logprob_token_ids` (0.32 has it) send log-probabilities along "
            "with a label instead: tokens that are not listed count as nothing.",
        },
    ),
)
LM_STUDIO = Dialect(
    name="lm-studio",
    title="LM Studio",
    choice_by=ChoiceBy.SCHEMA,
    capabilities=_with({"choice": Support.YES, "json_schema": Support.YES}, {}),
)
CLOSED = Dialect(
    name="closed API",
    title="Closed APIs",
    choice_by=ChoiceBy.SCHEMA,
    max_tokens_name="max_completion_tokens",
    strict_only=True,
    capabilities=_with(
        dict.fromkeys(("takes_temperature", "takes_seed", "takes_stop"), Support.DEPENDS),
        {
            "lora_serving": "A closed API does not run your weights.",
            "takes_temperature": "On the model: some that think refuse one.",
            "takes_seed": "On the API and the model; Anthropic's ignores it.",
            "takes_stop": "On the model: some that think take no stop words. Their answers are cut here.",
        },
    ),
)

DIALECTS: tuple[Dialect, ...] = (LLAMA_SERVER, VLLM, LM_STUDIO, LLAMA_CPP_PYTHON, CLOSED, GENERIC)

_BY_OWNER = {
    "llamacpp": LLAMA_SERVER,
    "vllm": VLLM,
    "me": LLAMA_CPP_PYTHON,
    "organization_owner": LM_STUDIO,
}
"""What servers write into `owned_by` of their model list."""


def dialect_named(name: str) -> Dialect:
    """Return a dialect by its name; the generic one for an unknown name."""
    return next((dialect for dialect in DIALECTS if dialect.name == name), GENERIC)


def dialect_of(models: Sequence[Mapping[str, Any]], *, closed: bool) -> Dialect:
    """Detect the kind of server from its model list."""
    if closed:
        return CLOSED
    owners = (model.get("owned_by") for model in models)
    return next((_BY_OWNER[owner] for owner in owners if isinstance(owner, str) and owner in _BY_OWNER), GENERIC)


def without_options(known: Capabilities, without: frozenset[str]) -> Capabilities:
    """Return what is left of a server's capabilities after it has refused these options."""
    if "logprobs" in without:
        reason = "The server sends no log-probabilities."
        known = replace(
            known,
            logprobs=Support.NO,
            choice_probabilities=Support.NO,
            reasons={**known.reasons, "logprobs": reason, "choice_probabilities": reason},
        )
    if "temperature" in without:
        words = "The model accepts no temperature: it may answer the same prompt differently in another run."
        known = replace(known, takes_temperature=Support.NO, reasons={**known.reasons, "takes_temperature": words})
    if "seed" in without:
        words = "The model accepts no seed: at a temperature over 0, another run may have other answers."
        known = replace(known, takes_seed=Support.NO, reasons={**known.reasons, "takes_seed": words})
    if "stop" in without:
        words = "The model accepts no stop words: answers are cut where their line ends, and it writes on beyond that."
        known = replace(known, takes_stop=Support.NO, reasons={**known.reasons, "takes_stop": words})
    if "response_format" in without:
        words = "The server does not support JSON schemas: answers are parsed from free text."
        known = replace(
            known,
            choice=Support.NO,
            json_schema=Support.NO,
            reasons={**known.reasons, "choice": words, "json_schema": words},
        )
    return known
