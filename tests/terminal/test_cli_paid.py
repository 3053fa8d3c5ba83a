"""A run at a closed API through the terminal: what it costs, what is not told of that, and answers that are withheld."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import closed_apis as apis
from tests.closed_apis import GOOGLE, OPENAI, OPENROUTER, ClosedApi
from tests.faulty_server import FaultyServer, Played
from tests.terminal.reading import Run

pytestmark = pytest.mark.timeout(120)
ROWS = 3
LABEL = '{"label": "billing_refund"}'
LONGEST_TOKENS = 1088


class Paid:
    """Compares at one API, which answers with these replies."""

    def __init__(self, run: Run, server: FaultyServer, monkeypatch: pytest.MonkeyPatch, out: Path) -> None:
        """Take how commands are run, and where figures are written to."""
        self._run, self._server, self._monkeypatch, self._out = run, server, monkeypatch, out

    def compare(self, api: ClosedApi, *plays: Played, limit_usd: float = 1.0, options: tuple[object, ...] = ()) -> Any:
        """Run zero-shot; return exit code, what was said, and the summary and manifest where they were written."""
        apis.stand_in(self._server, self._monkeypatch, api)
        self._server.plays = list(plays)
        code, _, err = self._run("models", "--add", f"{api.name}={api.url}")
        assert code == 0, err
        code, out, err = self._run(
            "compare", "--task", "support-tickets", "--model", f"{api.name}/{api.model}", "--variants", "zero-shot",
            "--limit", ROWS, "--spending-limit", limit_usd, "--out", self._out, *options,
        )  # fmt: skip
        return code, out, err

    def kept(self, name: str) -> Any:
        """Read a file that the run has written."""
        return json.loads((self._out / name).read_text(encoding="utf-8"))


@pytest.fixture
def paid(run: Run, server: FaultyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Paid:
    """Return what compares at a closed API."""
    return Paid(run, server, monkeypatch, tmp_path / "out")


@pytest.mark.parametrize(
    ("api", "played", "tokens"),
    [
        (OPENAI, apis.by_openai(LABEL), (60, 32, 45)),
        (GOOGLE, apis.by_google(LABEL), (20, 0, 412)),
        (OPENROUTER, apis.by_openrouter(LABEL), (60, 32, 45)),
    ],
)
def test_a_run_costs_what_its_tokens_cost(paid: Paid, api: ClosedApi, played: Played, tokens: tuple[int, ...]) -> None:
    """The table's price of the tokens that were told is the cost, the server's; the warm-up is paid for beside it."""
    code, out, err = paid.compare(api, played)
    assert code == 0, err
    assert f"The task's rows leave this machine: they are sent to {api.host}." in err
    (variant,) = paid.kept("summary.json")["variants"]
    prompt, cached, answer = tokens
    one = apis.answer_usd(api, prompt=prompt, cached=cached, answer=answer)
    assert variant["cost_usd_per_1k"] == pytest.approx(1000 * one)
    assert variant["marks"]["cost_usd_per_1k"] == "server"
    assert variant["tokens"]["rows_estimated"] == 0
    assert paid.kept("run.json")["beside_usd"] == pytest.approx(one)
    assert "did not report how many tokens" not in out + err
    assert "sends no log-probabilities" in err


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": -5, "completion_tokens": -1}, {"prompt_tokens": 0}, "lots"])
def test_tokens_that_are_not_told_are_an_estimate_and_said(paid: Paid, usage: Any) -> None:
    """Without tokens that can be, the run says so, its cost is an estimate upwards, and nowhere is it 0."""
    played = apis.by_openai(LABEL, told=usage is not None, usage=usage)
    code, _out, err = paid.compare(OPENAI, played)
    assert code == 0, err
    assert "did not report how many tokens an answer of zero-shot took" in err
    assert "count as the most they can have cost" in err
    (variant,) = paid.kept("summary.json")["variants"]
    assert variant["tokens"]["rows_estimated"] == ROWS
    assert variant["tokens"]["completion_mean"] == LONGEST_TOKENS
    assert variant["cost_usd_per_1k"] > 1000 * apis.answer_usd(prompt=60, cached=0, answer=LONGEST_TOKENS)
    assert {variant["marks"][name] for name in ("cost_usd_per_1k", "tokens")} == {"estimated"}
    assert paid.kept("run.json")["beside_usd"] > apis.answer_usd(prompt=60, cached=0, answer=LONGEST_TOKENS)


def test_a_refused_temperature_is_said(paid: Paid, server: FaultyServer) -> None:
    """A model that samples in its own way is asked without a temperature, and the run says what that means."""
    refusal = apis.failed(400, {"message": "Unsupported value: 'temperature'", "param": "temperature"})
    code, _, err = paid.compare(OPENAI, refusal, apis.by_openai(LABEL))
    assert code == 0, err
    assert err.count("The model accepts no temperature") == 1
    assert ["temperature" in body for body in server.asked] == [True] + [False] * (1 + ROWS)


def test_what_is_not_told_reaches_the_spending_limit(paid: Paid, server: FaultyServer) -> None:
    """A limit of one such answer and a half lets the warm-up and one row through, and no more."""
    limit_usd = 1.5 * apis.answer_usd(prompt=60, cached=0, answer=LONGEST_TOKENS)
    code, _, err = paid.compare(OPENAI, apis.by_openai(LABEL, told=False), limit_usd=limit_usd)
    assert code == 1
    assert "The run has cost" in err
    assert len(server.asked) == 2


def test_half_answers_are_paid_for(paid: Paid, server: FaultyServer) -> None:
    """An answer that breaks off is a failure of its row that counts against the limit."""
    whole = apis.by_openai(LABEL)
    half = Played(events=whole.events[:3])
    code, _, err = paid.compare(
        OPENAI, half, limit_usd=2.5 * apis.answer_usd(prompt=60, cached=0, answer=LONGEST_TOKENS)
    )
    assert code == 1
    assert "The run has cost" in err
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "played", [apis.refused_by_openai("I will not sort this."), apis.by_openai("", finish="content_filter")]
)
def test_a_refusal_is_a_failed_row_with_its_reason(
    paid: Paid, run: Run, server: FaultyServer, tmp_path: Path, played: Played
) -> None:
    """Refused rows are asked once, are neither right nor lost, and their tokens are paid for."""
    answer = apis.by_openai(LABEL)
    code, _, err = paid.compare(OPENAI, answer, played, answer)
    assert code == 0, err
    assert len(server.asked) == 1 + ROWS
    summary = paid.kept("summary.json")
    (variant,) = summary["variants"]
    assert (variant["n"], variant["n_failed"], variant["failures"]) == (ROWS, 1, {"refused": 1})
    assert variant["tokens"]["prompt_mean"] == 60
    code, _, err = run("runs", "export", summary["run_id"], "--out", tmp_path / "kept")
    assert code == 0, err
    written = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "kept").rglob("predictions.csv"))
    assert "refused" in written


def test_an_api_without_credit_stops_the_run(paid: Paid, server: FaultyServer) -> None:
    """No credit is told at once, with where to look, and the run can go on later."""
    code, _, err = paid.compare(OPENROUTER, apis.failed(402, {"code": 402, "message": "Insufficient credits"}))
    assert code == 1
    assert "has no credit left" in err
    assert len(server.asked) == 1


def test_a_run_in_batches_counts_the_same(paid: Paid, server: FaultyServer) -> None:
    """With rows in flight the missing tokens are told once, and count for each row."""
    code, _, err = paid.compare(OPENAI, apis.by_openai(LABEL, told=False), options=("--throughput",))
    assert code == 0, err
    assert err.count("did not report how many tokens") == 1
    (variant,) = paid.kept("summary.json")["variants"]
    assert variant["tokens"]["rows_estimated"] == ROWS
