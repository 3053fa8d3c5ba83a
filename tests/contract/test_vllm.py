"""A real vLLM server, opt-in: `pytest tests/contract/test_vllm.py --run-vllm http://127.0.0.1:8000/v1`.

How to set one up, on a CPU too, stands in docs/backends.md. With `--enable-lora --lora-modules NAME=FOLDER` the
weights are tried as well.
"""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest

from adapters.models.openai_compatible.model import OpenAICompatibleModel
from engine.core.errors import ContextOverflowError, UnsupportedError
from engine.core.generation import Completion
from engine.core.variant import DecodingMode
from tests.contract.conftest import vllm_at
from tests.contract.test_choice import check_shares
from tests.contract.test_language_model import LABELS, SCHEMA, STORY, TICKETS, ask
from tests.helpers import complete

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def vllm(request: pytest.FixtureRequest) -> OpenAICompatibleModel:
    """Return the first model of the server that was named."""
    url = request.config.getoption("--run-vllm")
    if not url:
        pytest.skip("opt-in: --run-vllm URL of a running vLLM server (docs/backends.md says how to set one up)")
    model = vllm_at(str(url))
    model.load(slots=4, context_tokens=1024)
    return model


def test_a_choice_is_a_label(vllm: OpenAICompatibleModel) -> None:
    """The choice option holds the answer to the labels, and the odds that come along are shares of them."""
    done = complete(vllm, ask("The courier left my parcel in the rain"))
    assert done.text in LABELS
    check_shares(done, LABELS)
    assert vllm.count_tokens(ask("The courier left my parcel in the rain").messages) == done.usage.prompt_tokens


def test_json_and_free_text(vllm: OpenAICompatibleModel) -> None:
    """JSON keeps to its schema, free text streams, ends at its length, and repeats under the same seed."""
    done = complete(vllm, ask("12 lamps", DecodingMode.JSON, json_schema=SCHEMA, max_tokens=64))
    jsonschema.validate(json.loads(done.text), SCHEMA)
    story = ask(STORY, DecodingMode.FREE, max_tokens=8, temperature=1.0, seed=3)
    first = complete(vllm, story)
    assert first.finish == "length"
    assert first.text == complete(vllm, story).text


def test_many_rows_at_once(vllm: OpenAICompatibleModel) -> None:
    """A batch answers every row in its place; the one that does not fit fails alone."""
    answers = vllm.generate_batch([*(ask(text) for text in TICKETS), ask("word " * 3000)])
    assert [type(answer) for answer in answers[:-1]] == [Completion] * len(TICKETS)
    assert isinstance(answers[-1], ContextOverflowError)


def test_lora_weights_change_the_answer(vllm: OpenAICompatibleModel) -> None:
    """Weights that the server serves by name move the odds of the base."""
    try:
        held = vllm.served_lora()
    except UnsupportedError as error:
        pytest.skip(str(error))
    request = ask("Where is my parcel?")
    base, tuned = complete(vllm, request), complete(vllm, replace(request, lora=held))
    assert max(abs(tuned.probabilities[label] - base.probabilities[label]) for label in LABELS) > 1e-4
