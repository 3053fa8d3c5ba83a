"""What a backend can do is data: said in the docs, checked before a run, told when it turns out otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.models.llama_cpp.client import CAPABILITIES as LLAMA_CPP
from adapters.models.ollama.capabilities import CAPABILITIES as OLLAMA
from adapters.models.openai_compatible.dialects import CLOSED, DIALECTS, GENERIC, dialect_of
from adapters.models.openai_compatible.listing import shown_name
from adapters.models.scripted import CAPABILITIES as SCRIPTED
from engine.core.capabilities import TITLES, Capabilities, Support, learned
from engine.core.generation import ModelFacts
from engine.core.prices import TokenPrices
from engine.core.run.plan import RunPlan
from engine.core.techniques import Technique
from engine.core.variant import DecodingMode, DecodingSpec, LoraSpec, Variant
from engine.running.preflight.backend_checks import backend_limits, lora_comes_with_the_server
from engine.running.preflight.estimating import estimate_run
from tests.helpers import small_task
from tests.memory_lab import memory_model
from tools.backend_table import backends, checks_section, section

DOCS = Path(__file__).parents[2] / "docs" / "backends.md"
TASK = small_task()
AT_SERVER = memory_model(id="box/m", backend="vllm", server="https://models.example.com/v1", parameters=0, size_bytes=0)
PRICES = TokenPrices(source="openai/small", input_usd=1.0, cached_input_usd=0.1, output_usd=4.0)


def plan(*techniques: Technique, **changes: object) -> RunPlan:
    """Build a plan of the small task's rows."""
    variants = tuple(
        Variant(id=str(t), technique=t, lora=LoraSpec() if "lora" in t else None)
        for t in techniques or (Technique.ZERO_SHOT,)
    )
    rows = tuple(row.id for row in TASK.split("test"))
    train = tuple(row.id for row in TASK.split("train"))
    base = RunPlan(run_id="r", task_id="small", model_id="box/m", variants=variants, test_ids=rows, train_ids=train)
    return replace(base, **changes)  # type: ignore[arg-type]


def estimated(of: RunPlan, facts: ModelFacts, capabilities: Capabilities) -> object:
    """Estimate a plan on a machine with room for everything."""
    return estimate_run(
        of, TASK, facts, cores=2, free_memory_bytes=10**12, trainable=("llama",), capabilities=capabilities
    )


def test_the_table_in_the_docs_is_that_of_the_code() -> None:
    """`docs/backends.md` holds the table that the code gives; `python -m tools.backend_table` writes it again."""
    text = DOCS.read_text(encoding="utf-8")
    assert section() in text
    assert checks_section() in text


@pytest.mark.parametrize("capabilities", [LLAMA_CPP, OLLAMA, SCRIPTED, *(d.capabilities for d in DIALECTS)])
def test_whatever_is_no_plain_yes_has_a_reason(capabilities: Capabilities) -> None:
    """Each no and each depends says why or on what, and no reason is left over for what does not exist."""
    for name in TITLES:
        if getattr(capabilities, name) is not Support.YES:
            assert capabilities.reason(name), name
    assert set(capabilities.reasons) <= set(TITLES)


def test_every_backend_has_a_column() -> None:
    """No backend is left out of the table."""
    assert set(backends()) >= {"llama.cpp", "Ollama", *(dialect.title for dialect in DIALECTS)}


def test_what_turned_out_is_told_once() -> None:
    """What a backend was thought to do and does not is told with its reason; what was known before is not."""
    lost = replace(
        OLLAMA,
        logprobs=Support.NO,
        choice_probabilities=Support.NO,
        reasons={**OLLAMA.reasons, "logprobs": "none", "choice_probabilities": "none"},
    )
    assert learned(OLLAMA, lost) == ["none"]
    assert learned(lost, lost) == []


def test_lora_is_refused_where_it_cannot_be() -> None:
    """A backend that takes no weights refuses LoRA beforehand, with its reason; others of its variants are fine."""
    asked = plan(Technique.ZERO_SHOT, Technique.LORA)
    problems, _notes = backend_limits(asked, TASK, AT_SERVER, CLOSED.capabilities)
    assert len(problems) == 1
    assert CLOSED.capabilities.reason("lora_serving") in problems[0]
    assert "Leave LoRA out" in problems[0]
    assert backend_limits(plan(), TASK, AT_SERVER, CLOSED.capabilities)[0] == ()
    assert estimated(asked, AT_SERVER, CLOSED.capabilities).problems == problems  # type: ignore[attr-defined]


def test_weights_that_a_server_holds_need_no_training() -> None:
    """Where a server serves weights of its own, nothing is trained here, no architecture is asked for, and that is said."""
    vllm = next(d for d in DIALECTS if d.name == "vllm").capabilities
    assert lora_comes_with_the_server(AT_SERVER, vllm)
    assert not lora_comes_with_the_server(AT_SERVER, LLAMA_CPP)
    assert not lora_comes_with_the_server(replace(AT_SERVER, server=""), vllm), "no server, no weights of its own"
    found = estimated(plan(Technique.LORA), replace(AT_SERVER, architecture=""), vllm)
    assert found.problems == ()  # type: ignore[attr-defined]
    assert found.estimated_training_s == 0.0  # type: ignore[attr-defined]
    assert any("weights that the server serves" in note for note in found.notes)  # type: ignore[attr-defined]


def test_rows_that_leave_the_machine_are_told() -> None:
    """A server elsewhere is named before any row is sent there; one on this machine is not."""
    _problems, notes = backend_limits(plan(), TASK, AT_SERVER, GENERIC.capabilities)
    assert any("models.example.com" in note for note in notes)
    here = replace(AT_SERVER, server="http://127.0.0.1:8080/v1")
    assert not any("leave" in note for note in backend_limits(plan(), TASK, here, GENERIC.capabilities)[1])


def test_json_without_schemas_is_refused() -> None:
    """A backend that cannot keep to a schema does not start a JSON run."""
    without = replace(GENERIC.capabilities, json_schema=Support.NO)
    as_json = DecodingSpec(mode=DecodingMode.JSON)
    asked = plan(variants=tuple(replace(one, decoding=as_json) for one in plan().variants))
    assert backend_limits(asked, TASK, AT_SERVER, without)[0]
    assert not backend_limits(asked, TASK, AT_SERVER, GENERIC.capabilities)[0]


def test_a_closed_api_is_paid_for_knowingly() -> None:
    """A plan with prices says what it will cost and does not start until a spending limit confirms it."""
    asked = plan(prices=PRICES)
    found = estimated(asked, AT_SERVER, CLOSED.capabilities)
    assert found.estimated_cost_usd > 0  # type: ignore[attr-defined]
    assert "openai/small" in found.problems[0]  # type: ignore[attr-defined]
    confirmed = estimated(replace(asked, spending_limit_usd=1.0), AT_SERVER, CLOSED.capabilities)
    assert confirmed.problems == ()  # type: ignore[attr-defined]


def test_kinds_of_servers_are_told_by_what_they_list() -> None:
    """The owner that a model list names tells the server; a priced model is a closed API's, whatever it names."""
    for owner, name in (
        ("llamacpp", "llama-server"),
        ("vllm", "vllm"),
        ("me", "llama-cpp-python"),
        ("x", GENERIC.name),
    ):
        assert dialect_of([{"id": "m", "owned_by": owner}], closed=False).name == name
    assert dialect_of([{"id": "m", "owned_by": "vllm"}], closed=True) is CLOSED


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/data/models/Qwen3-4B.gguf", "Qwen3-4B.gguf"),
        ("models/tiny.Q4.gguf", "tiny.Q4.gguf"),
        ("./tiny", "tiny"),
        ("C:\\models\\tiny.gguf", "tiny.gguf"),
        ("Qwen/Qwen3-4B", "Qwen/Qwen3-4B"),
        ("gpt-5-mini", "gpt-5-mini"),
    ],
)
def test_names_that_are_paths_are_shown_by_their_last_part(name: str, shown: str) -> None:
    """llama-server calls a model by the file that it was started with; names with a maker stay whole."""
    assert shown_name(name) == shown
