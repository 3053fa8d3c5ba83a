"""An embedder on another machine, in the terminal: agreed to before a text is sent, and paid for by its tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.core.run.plan import TRAIN_ROWS
from engine.metrics.budget import embedding_usd
from engine.metrics.costing import token_prices
from tests import closed_apis as apis
from tests.faulty_server import FaultyServer
from tests.terminal.reading import Run

pytestmark = pytest.mark.timeout(180)
API = apis.EMBEDDING
NAME = f"{API.name}/{API.model}"
ROWS = 3
RUN = ("compare", "--task", "support-tickets", "--model", "scripted", "--variants", "rag,classifier", "--limit", ROWS)
AGREED = ("--send-rows-to", API.host)


def letters(text: str) -> list[float]:
    """Return how often each letter occurs, as a vector."""
    return [1.0 + text.lower().count(chr(ord("a") + place)) for place in range(26)]


@pytest.fixture
def server(run: Run, server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> FaultyServer:
    """Have the server embed in the place of a closed API, and added."""
    server.embedding = letters
    apis.stand_in(server, monkeypatch, API)
    code, _, err = run("models", "--add", f"{API.name}={API.url}")
    assert code == 0, err
    return server


def usd(tokens: float) -> float:
    """Return what the table says that so many tokens cost."""
    prices = token_prices(API.price_ref)
    assert prices is not None
    return embedding_usd(prices, tokens)


def kept(out: Path, name: str) -> Any:
    """Read a file that a run has written."""
    return json.loads((out / name).read_text(encoding="utf-8"))


def test_no_text_is_sent_without_consent(run: Run, server: FaultyServer) -> None:
    """Without the host's name, with another's, and without a limit, the run is refused before anything is embedded."""
    for options, words in (
        ((), "--send-rows-to HOST"),
        (("--send-rows-to", "another.example", "--spending-limit", 1), "--send-rows-to HOST"),
        (AGREED, "--spending-limit USD"),
    ):
        code, _, err = run(*RUN, "--embedder", NAME, *options)
        assert code == 2
        assert words in err
        assert API.host in err or API.price_ref in err
    code, _, err = run(
        "study", "learning-curve", "--task", "support-tickets", "--model", "scripted", "--embedder", NAME
    )
    assert code == 2
    assert f"texts would be sent to {API.host}" in err
    assert server.embedded == []


def test_it_costs_what_its_tokens_cost(run: Run, server: FaultyServer, tmp_path: Path) -> None:
    """Of each answer and of what is made once; a second run pays for no vector again, and shows the same one-off."""
    code, _, err = run(*RUN, "--embedder", NAME, *AGREED, "--spending-limit", 1, "--out", tmp_path)
    assert code == 0, err
    assert f"leave this machine: the embedder {NAME} reads them at {API.host}." in err
    sent = sum(len(text.split()) for text in server.embedded)
    rag, classifier = kept(tmp_path, "summary.json")["variants"]
    manifest = kept(tmp_path, "run.json")
    assert classifier["cost_usd_per_1k"] == pytest.approx(1000 * usd(classifier["tokens"]["embedding_mean"]))
    assert (classifier["energy_wh_per_1k"], rag["energy_wh_per_1k"] is None) == (None, False)
    assert rag["cost_usd_per_1k"] > 1000 * usd(rag["tokens"]["embedding_mean"]) > 0
    by_rows = sum(ROWS * one["tokens"]["embedding_mean"] for one in (rag, classifier))
    assert manifest["beside_usd"] == pytest.approx(usd(sent - by_rows))
    once = {name: one["embedding_tokens"] for name, one in manifest["prepared"].items()}
    assert once["rag"] > 0
    assert once["rag"] == pytest.approx(once["classifier"], abs=2)
    assert apis.PLANTED not in "".join(
        path.read_text(encoding="utf-8", errors="replace") for path in tmp_path.rglob("*") if path.is_file()
    )
    assert set(server.keys) == {f"Bearer {apis.PLANTED}"}
    server.embedded.clear()
    code, _, err = run(*RUN, "--embedder", NAME, *AGREED, "--spending-limit", 1, "--out", tmp_path)
    assert code == 0, err
    again = kept(tmp_path, "run.json")
    assert {name: one["embedding_tokens"] for name, one in again["prepared"].items()} == once
    saved = sent - sum(len(text.split()) for text in server.embedded)
    assert saved == pytest.approx(once["rag"], abs=2)
    assert manifest["beside_usd"] - again["beside_usd"] == pytest.approx(usd(saved))


def test_the_limit_stops_embedding(run: Run, server: FaultyServer) -> None:
    """A limit below the price of the index ends the run, and what was paid for is kept; it goes on with a higher one."""
    code, _, err = run(*RUN, "--embedder", NAME, *AGREED, "--spending-limit", usd(200))
    assert code == 1
    assert "The run has cost" in err
    paid = len(set(server.embedded))
    assert paid < TRAIN_ROWS
    _, out, _ = run("models", "--json")
    kept_here = {one["facts"]["id"].split("@")[0]: one["kept"] for one in json.loads(out)["embedders"]}
    assert kept_here[NAME] == paid - 1  # the other one asks how long vectors are
    code, _, err = run("compare", "--resume", "latest", "--spending-limit", 1)
    assert code == 0, err


def test_without_a_price_no_cost_is_made_up(run: Run, server: FaultyServer, tmp_path: Path) -> None:
    """A model that the price table does not know is said to be without a price, and its variants have none."""
    name = f"{API.name}/text-embedding-not-priced"
    code, _, err = run(*RUN, "--embedder", name, *AGREED, "--out", tmp_path)
    assert code == 0, err
    assert f"What {name} costs, if anything, is not known here" in err
    assert [one["cost_usd_per_1k"] for one in kept(tmp_path, "summary.json")["variants"]] == [None, None]


def test_it_is_marked_where_it_is_listed(run: Run, server: FaultyServer) -> None:
    """`models` names the host that texts go to."""
    code, _, _err = run(*RUN, "--embedder", NAME)
    assert code == 2
    code, out, err = run("models", "--json")
    assert code == 0, err
    found = {one["facts"]["id"].split("@")[0]: one["facts"]["sends_to"] for one in json.loads(out)["embedders"]}
    assert found[NAME] == API.host
    assert found["all-MiniLM-L6-v2"] == ""
    code, out, err = run("models")
    assert API.host in out
