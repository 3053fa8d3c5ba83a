"""Whole runs on models at servers: the terminal lists and compares them, faults end resumable, keys leak nowhere."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import cli
from adapters.models.remote import reading
from engine.core.limits import Limits
from engine.core.prices import TokenPrices
from engine.core.run.events import RunEnded
from engine.core.run.plan import RunPlan
from engine.core.techniques import Technique
from engine.services.lab import Lab
from tests.faulty_server import MODEL, FaultyServer
from tests.helpers import WriteCsv, keep_table
from tests.ollama_replay import OllamaReplay
from tests.pages.conftest import Opener, open_app
from wiring import open_lab

pytestmark = pytest.mark.timeout(120)
__all__ = ["open_app"]
PLANTED = "sk-planted-9f8e7d6c5b4a"
ZERO = ["--variants", "zero-shot", "--limit", "4"]


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """Run a server named `box` behind a planted key, in a home folder of its own."""
    monkeypatch.setenv("BOX_API_KEY", PLANTED)
    monkeypatch.setenv("COLUMNS", "220")
    monkeypatch.setattr(reading, "FIRST_WAIT_S", 0.01)
    one = FaultyServer()
    open_lab(home).models.servers.add("box", one.url)
    yield one
    one.close()


@pytest.fixture
def task(home: Path, tmp_path: Path, write_csv: WriteCsv) -> str:
    """Keep a small task; return its id."""
    return keep_table(open_lab(home), write_csv(tmp_path / "desk.csv"))


def planned(lab: Lab, task: str, **changes: object) -> RunPlan:
    """Plan a zero-shot run of four rows on the server's model."""
    return lab.plans.make(
        task_id=task,
        model_id=f"box/{MODEL}",
        techniques=[Technique.ZERO_SHOT],
        limit=4,
        **changes,  # type: ignore[arg-type]
    )


def ended(lab: Lab, plan: RunPlan, *, resume: bool = False) -> RunEnded:
    """Carry a plan out and return how it ended."""
    events = list(lab.runs.carry_out(plan, threading.Event(), resume=resume))
    assert isinstance(events[-1], RunEnded)
    return events[-1]


def test_the_terminal_lists_servers_and_their_models(
    server: FaultyServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models of all servers are listed by the ids that --model takes, with the state of each server and no key."""
    replay = OllamaReplay()
    monkeypatch.setenv("OLLAMA_HOST", replay.url)
    assert cli.main(["models", "--add", "away=http://127.0.0.1:9/v1"]) == 0
    out = capsys.readouterr().out
    assert f"box/{MODEL}" in out
    assert "ollama/smollm2:135m" in out
    assert "Nothing answers at 127.0.0.1:9" in out
    assert "Ollama 0.12.11" in out
    assert PLANTED not in out
    assert cli.main(["models", "--remove", "away", "--pull", "tiny:1b"]) == 0
    out = capsys.readouterr().out
    assert "ollama/tiny:1b" in out
    assert "away" not in out
    replay.close()


def test_models_are_compared_one_after_the_other(
    server: FaultyServer, task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--model A,B` runs both on the same rows, writes both, and ends with techniques by models."""
    monkeypatch.setenv("ADAPTLAB_SCRIPTED", "1")
    names = f"scripted,box/{MODEL}"
    code = cli.main(["compare", "--task", task, "--model", names, *ZERO, "--out", str(tmp_path / "out")])
    out = capsys.readouterr().out
    assert code == 0
    assert "accuracy by model" in out
    assert "scripted: Zero-shot is best" in out
    found = [json.loads((tmp_path / "out" / name / "run.json").read_text()) for name in ("scripted", f"box-{MODEL}")]
    assert found[0]["plan"]["test_ids"] == found[1]["plan"]["test_ids"]
    assert [run["model"]["backend"] for run in found] == ["scripted", "openai-compatible"]
    assert cli.main(["compare", "--task", task, "--model", "scripted,box/nothing", *ZERO]) == 2


def test_the_same_rows_run_on_ollama(
    home: Path, task: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run on an Ollama model goes the whole way, and LoRA is refused before it starts, with the reason."""
    replay = OllamaReplay(pace_s=0.0)
    monkeypatch.setenv("OLLAMA_HOST", replay.url)
    asked = ["compare", "--task", task, "--model", "ollama/smollm2:135m", "--limit", "4", "--variants"]
    assert cli.main([*asked, "zero-shot,few-shot"]) == 0
    assert "Few-shot" in capsys.readouterr().out
    assert replay.loaded == {}
    assert cli.main([*asked, "zero-shot,lora"]) == 2
    assert "not on this machine" in capsys.readouterr().err
    replay.close()


def test_addresses_that_are_none_take_nothing_else_down(
    server: FaultyServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong address in the environment is told as that server's problem, without the password that is in it."""
    monkeypatch.setenv("OPENAI_BASE_URL", "https://me:hunter2secret@host/v1")
    monkeypatch.setenv("OLLAMA_HOST", "http://me:hunter2secret@host")
    assert cli.main(["models"]) == 0
    out = capsys.readouterr().out
    assert f"box/{MODEL}" in out
    assert out.count("user name or password") == 2
    assert "hunter2" not in out


@pytest.mark.parametrize("fault", ["wrong key", "unknown model"])
def test_a_fault_of_all_rows_stops_the_run_and_it_goes_on_later(server: FaultyServer, task: str, fault: str) -> None:
    """What every row would meet stops the run with the fix; resumed, it ends with all rows."""
    lab = open_lab()
    plan = planned(lab, task)
    server.fault = fault
    first = ended(lab, plan)
    assert first.status == "failed"
    assert first.fix
    server.fault = ""
    assert ended(lab, plan, resume=True).status == "done"
    assert len(lab.results.predictions(plan.run_id)) == 4


def test_a_fault_of_one_row_is_a_failure_and_the_run_goes_on(server: FaultyServer, task: str) -> None:
    """Half an answer fails its row and no other, and is kept with its reason."""
    lab = open_lab()
    plan = planned(lab, task)
    server.fault, server.times = "half", 2  # the warm-up, and the first row
    assert ended(lab, plan).status == "done"
    made = lab.results.predictions(plan.run_id)
    assert [prediction.failure is not None for prediction in made] == [True, False, False, False]
    assert "stopped in the middle" in made[0].failure.message  # type: ignore[union-attr]


def test_a_spending_limit_stops_the_run(server: FaultyServer, task: str) -> None:
    """The run stops when its tokens have cost the limit, keeps what was done, and goes on with a higher one."""
    lab = open_lab()
    prices = TokenPrices(source="maker/m", input_usd=100.0, cached_input_usd=100.0, output_usd=1000.0)
    plan = replace(planned(lab, task), prices=prices, spending_limit_usd=0.02)  # an answer costs 0.013 USD
    stopped = ended(lab, plan)
    assert stopped.status == "failed"
    assert "its limit is 2.0 ¢" in stopped.message
    assert len(lab.results.predictions(plan.run_id)) == 1  # the warm-up was the other answer
    assert ended(lab, replace(plan, spending_limit_usd=9.0), resume=True).status == "done"
    figures = lab.results.summary(plan.run_id)["variants"][0]
    assert figures["cost_usd_per_1k"] == pytest.approx(13.0)
    assert figures["estimated"] == ["closed_api_cost_usd_per_1k"]


def told_of(
    run_id: str, name: str, memo: Path, lab: Lab, open_app: Opener, capsys: pytest.CaptureFixture[str]
) -> list[float | None]:
    """Return a figure of the one variant as `runs show`, `report` and the table of the Run page tell it."""
    capsys.readouterr()
    assert cli.main(["runs", "show", run_id, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["summary"]["variants"][0][name]
    assert cli.main(["report", run_id, "--json", "--out", str(memo)]) == 0
    reported = json.loads(capsys.readouterr().out)["summary"]["variants"][0][name]
    app = open_app(lab)
    app.query_params["run_id"] = run_id
    app.run()
    assert not app.exception
    (table,) = [frame.value for frame in app.dataframe if "energy" in frame.value]
    column, factor = {"cost_usd_per_1k": ("cost", 0.01), "energy_wh_per_1k": ("energy", 1.0)}[name]
    on_screen = table[column].tolist()[0]
    return [shown, reported, None if math.isnan(on_screen) else on_screen * factor]


def test_a_closed_api_has_one_price_everywhere(
    server: FaultyServer, task: str, tmp_path: Path, open_app: Opener, capsys: pytest.CaptureFixture[str]
) -> None:
    """The live lane, the summary, the report, the memo, the Run page and the cost limit go by the price of its tokens."""
    lab = open_lab()
    prices = TokenPrices(source="maker/m", input_usd=100.0, cached_input_usd=100.0, output_usd=1000.0)
    plan = replace(planned(lab, task), prices=prices, spending_limit_usd=9.0)
    assert ended(lab, plan).status == "done"
    price = lab.results.summary(plan.run_id)["variants"][0]["cost_usd_per_1k"]
    assert price == pytest.approx(13.0)
    (lane,) = lab.runs.snapshot(plan.run_id).lanes
    assert lane.cost_usd_per_1k == pytest.approx(price)
    memo = tmp_path / "memo.md"
    assert cli.main(["report", plan.run_id, "--least-quality", "0", "--out", str(memo)]) == 0
    assert "$13.00" in memo.read_text(encoding="utf-8")
    assert told_of(plan.run_id, "cost_usd_per_1k", memo, lab, open_app, capsys) == pytest.approx([13.0] * 3)
    for limit_usd, kept in ((12.9, False), (13.1, True)):
        limits = Limits(least_quality=None, highest_p95_s=None, highest_cost_usd_per_1k=limit_usd)
        assert (lab.results.report(plan.run_id, limits).verdict.pick is not None) is kept


def test_a_server_without_cpu_times_has_one_cost_and_no_energy(
    server: FaultyServer, task: str, tmp_path: Path, open_app: Opener, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing tells what a server's processor did, all places say the same cost, and none says an energy."""
    lab = open_lab()
    plan = planned(lab, task)
    assert ended(lab, plan).status == "done"
    (lane,) = lab.runs.snapshot(plan.run_id).lanes
    (found,) = lab.results.report(plan.run_id, Limits()).figures
    told = lab.results.summary(plan.run_id)["variants"][0]
    assert lane.figures is not None
    assert (
        lane.figures.cost_usd_per_1k == pytest.approx(found.cost_usd_per_1k) == pytest.approx(told["cost_usd_per_1k"])
    )
    assert lane.figures.energy_wh_per_1k is None
    assert found.energy_wh_per_1k is None
    assert told["energy_wh_per_1k"] is None
    assert told["cost_usd_per_1k"] > 0, "this machine's time and full power"
    memo = tmp_path / "memo.md"
    costs = told_of(plan.run_id, "cost_usd_per_1k", memo, lab, open_app, capsys)
    assert costs == pytest.approx([told["cost_usd_per_1k"]] * 3)
    assert told_of(plan.run_id, "energy_wh_per_1k", memo, lab, open_app, capsys) == [None] * 3


def test_a_planted_key_is_in_nothing_that_is_kept_or_written(
    server: FaultyServer, task: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After good and bad runs, a listing and an export, the key is in no file, table, log or word on the terminal."""
    out = tmp_path / "out"
    model = f"box/{MODEL}"
    assert cli.main(["compare", "--task", task, "--model", model, *ZERO, "--out", str(out)]) == 0
    server.fault = "wrong key"
    assert cli.main(["compare", "--task", task, "--model", model, *ZERO]) == 1
    cli.main(["models"])
    words = capsys.readouterr()
    assert "BOX_API_KEY" in words.err
    assert PLANTED not in words.out + words.err
    files = [path for folder in (home, out) for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 6
    assert not [path for path in files if PLANTED.encode() in path.read_bytes()]
    assert any(PLANTED in key for key in server.keys)
