"""A llama-server that lists no probabilities: a grammar restricts its answers to the labels, and none are made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.faulty_server import MODEL, FaultyServer
from tests.terminal.reading import WORDS, Run, write_desks

pytestmark = pytest.mark.timeout(120)


def native(handler: Any, body: dict[str, Any]) -> bool:
    """Answer the routes of llama-server beside the chat: template, tokens by character, and no probabilities."""
    if handler.path == "/apply-template":
        text = "".join(f"[{message['role']}]{message['content']}[end]" for message in body["messages"])
        reply: dict[str, Any] = {"prompt": f"{text}[assistant]"}
    elif handler.path == "/tokenize":
        reply = {"tokens": [ord(letter) for letter in body["content"]]}
    elif handler.path == "/completion":
        reply = {"completion_probabilities": [], "timings": {"prompt_ms": 1.0, "predicted_ms": 1.0, "cache_n": 0}}
    else:
        return False
    handler.send(200, json.dumps(reply), "application/json")
    return True


def test_a_grammar_restricts_answers_where_no_probabilities_are_listed(
    run: Run, server: FaultyServer, tmp_path: Path
) -> None:
    """Every chat request carries the labels as a grammar, each row has a label, and no row a probability."""
    meta = {"n_ctx": 100_000, "size": 1_000, "n_params": 1_000}
    server.listed = [{"id": MODEL, "object": "model", "owned_by": "llamacpp", "meta": meta}]
    server.text = "beta"

    def answer(handler: Any, data: bytes) -> bool:
        if not data and handler.path == f"/props?model={MODEL}":
            handler.send(200, json.dumps({"build_info": "b1234-abc"}), "application/json")
            return True
        if not data and handler.path == f"/lora-adapters?model={MODEL}":
            handler.send(200, "[]", "application/json")
            return True
        return bool(data) and native(handler, json.loads(data))

    server.attack = answer
    code, _, err = run("models", "--add", f"box={server.url}")
    assert code == 0, err
    path = write_desks(tmp_path / "desks.csv", WORDS, train=4, test=3)
    code, _, err = run(
        "compare", "--task", path, "--input-column", "message", "--target-column", "desk", "--split-column", "split",
        "--model", f"box/{MODEL}", "--variants", "zero-shot", "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0, err
    assert "a grammar restricts it to the labels" in err
    assert server.asked
    for body in server.asked:
        assert all(f'"{label}"' in body["grammar"] for label in WORDS)
    (variant,) = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))["variants"]
    assert (variant["n"], variant["n_failed"]) == (9, 0)
    rows = pl.read_parquet(tmp_path / "out" / "predictions.parquet")
    assert set(rows["answer"]) == {"beta"}
    assert set(rows["probabilities"]) <= {None, "{}"}, "none is made up"
