"""A vLLM that holds LoRA weights, of a version that tells its likeliest tokens alone: what is said of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faulty_server import MODEL, FaultyServer
from tests.terminal.reading import WORDS, Run, write_desks

pytestmark = pytest.mark.timeout(120)
WEIGHTS = "tickets"


def written(messages: list[dict[str, str]]) -> str:
    """Write messages as a chat template does: each with its role and its end, and a beginning of the answer."""
    text = "".join(f"[{message['role']}]{message['content']}[end]" for message in messages)
    return text if messages[-1]["role"] == "assistant" else f"{text}[assistant]"


@pytest.fixture
def options(run: Run, server: FaultyServer, tmp_path: Path) -> list[object]:
    """Have the server be a vLLM with one set of weights, which are always right; return what names it and a table."""
    base = {"id": MODEL, "object": "model", "owned_by": "vllm", "max_model_len": 100_000}
    server.listed = [base, {"id": WEIGHTS, "object": "model", "owned_by": "vllm", "parent": MODEL}]

    def answer(handler: Any, data: bytes) -> bool:
        if not data and handler.path == "/version":
            handler.send(200, json.dumps({"version": "0.11.0"}), "application/json")
            return True
        if not data:
            return False
        body = json.loads(data)
        if handler.path == "/tokenize":
            text = body.get("prompt") or written(body["messages"])
            handler.send(200, json.dumps({"tokens": [ord(sign) for sign in text]}), "application/json")
            return True
        if handler.path == "/v1/completions":
            no_ids = {"choices": [{"logprobs": {"top_logprobs": [{"a": -1.0}]}}], "usage": {}}
            handler.send(200, json.dumps(no_ids), "application/json")
            return True
        asked = body["messages"][-1]["content"]
        right = next((label for label, text in WORDS.items() if text in asked), next(iter(WORDS)))
        server.text = right if body["model"] == WEIGHTS else list(WORDS)[-1]
        return False

    server.attack = answer
    code, _, err = run("models", "--add", f"box={server.url}")
    assert code == 0, err
    path = write_desks(tmp_path / "desks.csv", WORDS, train=8, test=20)
    return [
        "--task", path, "--input-column", "message", "--target-column", "desk", "--split-column", "split",
        "--model", f"box/{MODEL}",
    ]  # fmt: skip


def test_the_verdict_and_the_memo_say_where_the_weights_come_from(
    run: Run, options: list[object], tmp_path: Path
) -> None:
    """No labels were paid for, no training seed could have been another, and test rows may have been learned."""
    code, _, err = run("compare", *options, "--variants", "zero-shot,lora", "--limit", 60, "--out", tmp_path)
    assert code == 0, err
    assert "Choose LoRA" in err
    assert "right with weights that came with the server" in err
    manifest = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert manifest["prepared"]["lora"]["weights_served"] is True
    code, _, err = run("report", "latest", "--out", tmp_path / "memo.md")
    assert code == 0, err
    memo = (tmp_path / "memo.md").read_text(encoding="utf-8").replace("\\", "")
    assert "The weights of LoRA came with the server: what they were trained on is not known here" in memo
    assert "labelled rows of LoRA" not in memo
    assert "training seed" not in memo
    assert "training rows. The weights" not in memo
    assert "Ask for them with --rows-per-label" not in err


def test_no_learning_curve_of_weights_that_do_not_learn(run: Run, options: list[object]) -> None:
    """More training rows would change nothing: it is refused before the first row, with what to do instead."""
    study = ("study", "learning-curve", *options, "--sizes", "6,12", "--draws", 2, "--test-rows", 6, "--techniques")
    code, _, err = run(*study, "lora")
    assert code == 2
    assert "The weights of LoRA come with the server: more training rows change nothing." in err
    code, _, err = run(*study, "few-shot")
    assert code == 0, err


def test_few_shot_compares_its_examples_by_answers_where_odds_are_cut(run: Run, options: list[object]) -> None:
    """Both ways answer the same training rows, though the server lists only its likeliest tokens."""
    code, _, err = run("compare", *options, "--variants", "few-shot", "--shots", 2, "--limit", 6)
    assert code == 0, err
    (shots,) = [line for line in err.splitlines() if line.startswith("Few-shot: the 2 examples")]
    assert "right with the same ones in every prompt" in shots
    assert "with the nearest, on 22 training rows" in shots
