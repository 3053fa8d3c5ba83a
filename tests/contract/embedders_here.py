"""The embedders that the contract suite meets: those that come as packages, and folders that are made for it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.retrieval.embedder import Embedder
from adapters.retrieval.embedders import bundled, folders, multilingual_e5, registry
from engine.core.embedder import MULTILINGUAL_INSTALL
from tests import ollama_server, served
from tests.bert_gguf import write_bert
from tests.helpers import WITHOUT

PROMPTED = "folder with prompts"
SERVED = ("llama-server", "ollama-real")
GGUF = "GGUF file"
HERE = ("bundled", "multilingual package", PROMPTED, GGUF, *SERVED)
QUERY_PROMPT, PASSAGE_PROMPT = "question: ", "passage: "


@contextlib.contextmanager
def opened(name: str, folder: Path) -> Iterator[Embedder]:
    """Load an embedder of the suite."""
    if name == "bundled":
        yield registry.open_embedder(bundled.facts())
    elif name == "llama-server":
        model = write_bert(folder / "minilm.gguf")
        with served.llama_server(str(model), "--embedding") as url:
            yield registry.open_embedder(registry.named_by_user(f"box/{model.name}", {"box": url}))
    elif name == "ollama-real":
        (folder / "server").mkdir()
        with ollama_server.running(folder / "server") as server, pytest.MonkeyPatch.context() as patch:
            server.make("minilm", write_bert(folder / "minilm.gguf"))
            patch.setenv("OLLAMA_HOST", server.url)
            yield registry.open_embedder(registry.named_by_user("ollama/minilm", {}))
    elif name == GGUF:
        yield registry.open_embedder(registry.named_by_user(str(write_bert(folder / "minilm.gguf")), {}))
    elif name == PROMPTED:
        yield registry.open_embedder(folders.at(str(with_prompts(folder))))
    else:
        facts = multilingual_e5.found()
        if facts is None:
            missing(f"not installed: {multilingual_e5.PACKAGE} ({MULTILINGUAL_INSTALL})")
        else:
            yield registry.open_embedder(facts)


def missing(reason: str) -> None:
    """Skip on a laptop; in CI everything is installed, and a missing part is a failure unless it was hidden on purpose."""
    if os.environ.get("CI") == "true" and not os.environ.get(WITHOUT):
        pytest.fail(reason)
    pytest.skip(reason)


def with_prompts(folder: Path, *, weights: bool = True) -> Path:
    """Copy the bundled model into a folder, with prompts and a shorter text of its own; its weights may be left empty."""
    made = folder / "with-prompts"
    if not made.is_dir():
        shutil.copytree(bundled.facts().path, made, ignore=None if weights else shutil.ignore_patterns(folders.WEIGHTS))
        if not weights:
            (made / folders.WEIGHTS).write_bytes(b"\0" * 100)
        config = {"prompts": {"query": QUERY_PROMPT, "passage": PASSAGE_PROMPT}, "similarity_fn_name": "cosine"}
        (made / "config_sentence_transformers.json").write_text(json.dumps(config))
        (made / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 64, "do_lower_case": False}))
    return made
