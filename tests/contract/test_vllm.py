"""What vLLM alone does, at a real server, opt-in: `pytest tests/contract -k vllm --run-vllm http://127.0.0.1:8000/v1`.

`make vllm` sets one up on this machine. With `--enable-lora --lora-modules NAME=FOLDER` the weights are tried as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from adapters.models.openai_compatible.client import Client
from adapters.models.openai_compatible.dialects import VLLM
from adapters.models.openai_compatible.model import OpenAICompatibleModel
from adapters.models.remote.messages import as_dicts
from engine.core.capabilities import Support
from engine.core.errors import ContextOverflowError, UnsupportedError
from engine.core.generation import Completion
from engine.core.variant import DecodingMode
from tests.contract.conftest import vllm_at, vllm_url
from tests.contract.test_choice import check_shares
from tests.contract.test_language_model import LABELS, SCHEMA, STORY, TICKETS, ask
from tests.helpers import complete

pytestmark = pytest.mark.timeout(1200)


class WithoutNamedTokens(Client):
    """Asks as if the server did not know the option, as those before it do not."""

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Leave it out."""
        return super().post(path, {name: value for name, value in body.items() if name != "logprob_token_ids"})


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str:
    """Return the address of the server that was named."""
    return vllm_url(request.config)


@pytest.fixture(scope="module")
def vllm(url: str) -> OpenAICompatibleModel:
    """Return the first model of the server."""
    model = vllm_at(url)
    model.load(slots=4, context_tokens=1024)
    return model


def test_every_label_has_its_probability(vllm: OpenAICompatibleModel) -> None:
    """Labels are scored along their own tokens: the shares of all add up to 1, also where the choice was clear."""
    request = ask("The courier left my parcel in the rain")
    done = complete(vllm, replace(request, decoding=replace(request.decoding, every_label=True)))
    assert done.text == max(done.probabilities, key=lambda label: done.probabilities[label])
    assert set(done.probabilities) == set(LABELS)
    assert sum(done.probabilities.values()) == pytest.approx(1.0)
    assert vllm.count_tokens(ask("The courier left my parcel in the rain").messages) == done.usage.prompt_tokens


def test_an_older_server_chooses_among_the_labels(vllm: OpenAICompatibleModel, url: str) -> None:
    """A version that does not say how probable named tokens are holds the answer to the labels by its choice option."""
    older = OpenAICompatibleModel(vllm.facts, WithoutNamedTokens("vllm", url), VLLM)
    older.load(slots=1, context_tokens=1024)
    assert older.capabilities.choice_probabilities is Support.YES
    for _again in range(2):
        done = complete(older, ask("The courier left my parcel in the rain"))
        assert done.text in LABELS
        check_shares(done, LABELS)
    assert older.capabilities.choice_probabilities is Support.DEPENDS
    older.close()


def test_json_and_free_text(vllm: OpenAICompatibleModel) -> None:
    """JSON keeps to its schema, free text streams, ends at its length, and repeats under the same seed."""
    done = complete(vllm, ask("12 lamps", DecodingMode.JSON, json_schema=SCHEMA, max_tokens=64))
    jsonschema.validate(json.loads(done.text), SCHEMA)
    story = ask(STORY, DecodingMode.FREE, max_tokens=8, temperature=1.0, seed=3)
    first = complete(vllm, story)
    assert first.finish == "length"
    assert first.text == complete(vllm, story).text


def test_nothing_but_temperature_and_seed_decides(vllm: OpenAICompatibleModel, url: str) -> None:
    """What a model recommends in its `generation_config.json` is not sampled with, so that models compare alike."""

    def written(**options: object) -> str:
        request = ask(STORY, DecodingMode.FREE, max_tokens=24)
        body = {"messages": as_dicts(request.messages), "model": vllm.facts.path, "temperature": 0, "max_tokens": 24}
        reply = Client("vllm", url).post("/v1/chat/completions", {**body, **options})
        return str(reply["choices"][0]["message"]["content"])

    plain = written(repetition_penalty=1.0)
    if written() == plain:
        pytest.skip("the server's model recommends no options that change this answer")
    assert complete(vllm, ask(STORY, DecodingMode.FREE, max_tokens=24)).text == plain


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
