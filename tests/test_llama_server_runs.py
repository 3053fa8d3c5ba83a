"""What docs/backends.md promises of llama-server and llama_cpp.server, kept at the front door: `cli.py compare`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, redirect_stdout
from pathlib import Path

import pytest

import cli
from engine.core.generation import ModelFacts
from engine.core.techniques import Technique
from engine.running.defaults import default_variants
from engine.services.playground import Question
from tests import served
from tests.helpers import WriteCsv
from tests.memory_lab import until
from tests.terminal.reading import write_desks

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, write_csv: WriteCsv) -> Path:
    """Write a small table."""
    return write_csv(tmp_path_factory.mktemp("table") / "desk.csv")


@pytest.fixture(scope="module")
def module_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the module one home folder: its LoRA weights are trained once."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAPTLAB_HOME", str(folder))
        yield folder


def compared(desk: Path, out: Path, *options: str) -> tuple[int, dict[str, dict]]:
    """Compare on the table; return the exit code and the figures by variant."""
    data = ["--task", str(desk), "--input-column", "message", "--target-column", "desk", "--split-column", "split"]
    code = cli.main(["compare", *data, "--out", str(out), "--limit", "6", *options])
    summary = json.loads((out / "summary.json").read_text()) if code == 0 else {"variants": []}
    return code, {figures["variant"]: figures for figures in summary["variants"]}


def answers(out: Path, variant: str) -> dict[str, str]:
    """Return a variant's answers by row."""
    with (out / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return {row["example_id"]: row["answer"] for row in csv.DictReader(file) if row["variant_id"] == variant}


@pytest.fixture(scope="module")
def lora_gguf(module_home: Path, desk: Path) -> Path:
    """Train weights as the documentation says, and return the file that it says where it lies."""
    data = ["--task", str(desk), "--input-column", "message", "--target-column", "desk", "--split-column", "split"]
    with redirect_stdout(io.StringIO()) as printed:
        assert cli.main(["train", *data, "--rank", "2", "--epochs", "3", "--train-rows", "9"]) == 0
    return Path(printed.getvalue().strip().rpartition(": ")[2]) / "lora.gguf"


@contextmanager
def added(name: str, serving: Callable[..., AbstractContextManager[str]], *served_with: str) -> Iterator[str]:
    """Serve a file, add the server, and yield the id of its model; the server is removed again."""
    with serving(*served_with) as url:
        assert cli.main(["models", "--add", f"{name}={url}"]) == 0
        (model,) = _models_of(name)
        yield model
        assert cli.main(["models", "--remove", name]) == 0


def test_weights_that_llama_server_holds_run_beside_the_base(
    smollm2: ModelFacts, module_home: Path, desk: Path, lora_gguf: Path, tmp_path: Path
) -> None:
    """`llama-server --lora lora.gguf`, `models --add`, `compare --variants zero-shot,lora` runs to its end.

    The same weights on the same file here give the same answers.
    """
    # Nine rows are too few to decide alike about a prior on two builds.
    options = ("--variants", "zero-shot,lora", "--prior-correction", "off")
    with added("box", served.llama_server, smollm2.path, str(lora_gguf)) as model:
        code, there = compared(desk, tmp_path / "there", "--model", model, *options)
        assert code == 0
    code, _here = compared(desk, tmp_path / "here", *options, "--rank", "2", "--epochs", "3", "--train-rows", "9")
    assert code == 0
    assert (there["lora"]["n"], there["lora"]["n_failed"], there["zero-shot"]["n_failed"]) == (6, 0, 0)
    assert there["lora"]["prepare_reused"]
    for variant in ("zero-shot", "lora"):
        one, other = answers(tmp_path / "there", variant), answers(tmp_path / "here", variant)
        assert sum(one[row] == other[row] for row in one) >= 5  # another build's kernels may turn a near tie
    assert answers(tmp_path / "there", "lora") != answers(tmp_path / "there", "zero-shot")


def test_the_playground_answers_with_the_weights_that_llama_server_holds(
    smollm2: ModelFacts, module_home: Path, lora_gguf: Path
) -> None:
    """LoRA is offered for a server's model, and answers beside the base; without weights the server's words say so."""
    from wiring import open_lab

    for held in ((str(lora_gguf),), ()):
        with added("box", served.llama_server, smollm2.path, *held) as model, closing(open_lab()) as lab:
            assert lab.playground.server_holds_lora(model)
            task = lab.tasks.get("support-tickets")
            variants = default_variants((Technique.ZERO_SHOT, Technique.LORA), task)
            question = Question(task_id=task.id, model_id=model, text=task.split("test")[0].input, variants=variants)
            asked = lab.playground.ask(question)
            until(lambda lab=lab, asked=asked: not lab.playground.snapshot(asked).is_running, seconds=120)
            found = lab.playground.snapshot(asked)
            if held:
                plain, tuned = (lane.prediction for lane in found.lanes)
                assert found.status == "done"
                assert plain.probabilities != tuned.probabilities
            else:
                assert found.status == "failed"
                assert "serves no LoRA weights" in found.message


def test_lora_is_refused_at_a_llama_server_without_weights(
    smollm2: ModelFacts, module_home: Path, desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run ends with what is missing and how to start the server with it."""
    with added("box", served.llama_server, smollm2.path) as model:
        code, _none = compared(desk, tmp_path / "out", "--model", model, "--variants", "zero-shot,lora")
    assert code != 0
    assert "serves no LoRA weights" in capsys.readouterr().err


def test_labels_and_their_probabilities_come_from_llama_server(
    smollm2: ModelFacts, module_home: Path, desk: Path, tmp_path: Path
) -> None:
    """Choices are always labels, with a probability each, the server's own timings, and what it kept of the prompt."""
    with added("box", served.llama_server, smollm2.path) as model:
        code, found = compared(desk, tmp_path / "out", "--model", model, "--variants", "few-shot,rag")
        assert code == 0
        wanted = ["--variants", "zero-shot", "--prior-correction", "on"]
        code, corrected = compared(desk, tmp_path / "corrected", "--model", model, *wanted)
        assert code == 0
    (prior,) = corrected["zero-shot"]["label_priors"]
    assert prior["corrected"]
    for figures in found.values():
        assert figures["n_failed"] == 0
        assert figures["tokens_per_s"]["prefill"] > 0
    assert found["few-shot"]["tokens"]["cached_prompt_mean"] > 0
    assert set(answers(tmp_path / "out", "rag").values()) <= {"billing", "delivery", "fault"}
    frame = _frame(tmp_path / "out")
    shares = [json.loads(row) for row in frame["probabilities"]]
    assert all(set(one) == {"billing", "delivery", "fault"} and abs(sum(one.values()) - 1) < 1e-3 for one in shares)


def test_both_answer_in_the_form_of_a_schema_and_in_free_text(
    smollm2: ModelFacts, module_home: Path, tmp_path: Path
) -> None:
    """JSON with the fields of the task's schema, and lines of text, which come as they are written.

    The messages are kept as they were sent; llama-server tells the seconds of prompt and answer, llama_cpp.server not.
    """
    schema = json.loads(Path("data/tasks/order-extraction/schema.json").read_text(encoding="utf-8"))
    for name, serving in (("box", served.llama_server), ("small", served.llama_cpp_server)):
        with added(name, serving, smollm2.path) as model:
            for task in ("order-extraction", "house-style"):
                asked = ["--task", task, "--model", model, "--variants", "zero-shot", "--limit", "2"]
                assert cli.main(["compare", *asked, "--out", str(tmp_path / name / task)]) == 0
        found = answers(tmp_path / name / "order-extraction", "zero-shot")
        assert len(found) == 2
        for answer in found.values():
            assert set(json.loads(answer)) == set(schema["required"])
        lines = answers(tmp_path / name / "house-style", "zero-shot")
        assert all(line.strip() for line in lines.values())
        frame = _frame(tmp_path / name / "house-style")
        assert (frame["ttft_s"] < frame["total_s"]).all()
        for prompt, given in zip(frame["prompt"], frame["input"], strict=True):
            assert given in prompt
            assert "changelog line" in prompt
        kept = json.loads((tmp_path / name / "house-style" / "run.json").read_text(encoding="utf-8"))["model"]
        assert (kept["server"], kept["server_timings"]) == (True, serving is served.llama_server)


def test_a_row_that_is_too_long_for_llama_server_fails_alone(
    smollm2: ModelFacts, module_home: Path, tmp_path: Path
) -> None:
    """Its tokens are counted before it is sent: it counts as wrong, with its reason, and the others are answered."""
    words = {"billing": "the invoice is wrong", "fault": "the screen stays dark"}
    table = write_desks(tmp_path / "long.csv", words, train=4, test=2)
    lines = table.read_text(encoding="utf-8").splitlines()
    lines[-1] = lines[-1].replace("screen", "screen and the lamp " * 900)
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with added("box", served.llama_server, smollm2.path) as model:
        code, found = compared(table, tmp_path / "out", "--model", model, "--variants", "zero-shot")
        assert code == 0
    assert found["zero-shot"]["failures"] == {"context_overflow": 1}
    assert found["zero-shot"]["n"] == 4


def test_throughput_at_llama_server_has_no_latency(
    smollm2: ModelFacts, module_home: Path, desk: Path, tmp_path: Path
) -> None:
    """Several rows at once give rows per second and no latency of single rows."""
    with added("box", served.llama_server, smollm2.path) as model:
        options = ["--variants", "zero-shot", "--throughput"]
        code, found = compared(desk, tmp_path / "out", "--model", model, *options)
        assert code == 0
    assert found["zero-shot"]["examples_per_s"] > 0
    assert found["zero-shot"]["total_s"]["p50"] is None


def test_llama_cpp_server_answers_all_but_lora(
    smollm2: ModelFacts, module_home: Path, desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server of llama-cpp-python runs prompts, retrieval and the classifier; LoRA is refused with the reason."""
    with added("small", served.llama_cpp_server, smollm2.path) as model:
        code, found = compared(desk, tmp_path / "out", "--model", model, "--variants", "zero-shot,rag,classifier")
        assert code == 0
        capsys.readouterr()
        code, _none = compared(desk, tmp_path / "no", "--model", model, "--variants", "zero-shot,lora")
        assert code == 2
        assert "LoRA" in capsys.readouterr().err
    assert {name: figures["n_failed"] for name, figures in found.items()} == {"zero-shot": 0, "rag": 0, "classifier": 0}
    assert set(answers(tmp_path / "out", "zero-shot").values()) <= {"billing", "delivery", "fault"}


def test_labels_that_begin_within_a_character_are_chosen(
    smollm2: ModelFacts, module_home: Path, tmp_path: Path
) -> None:
    """The first tokens of both are a part of a character; a version that lists none of these is asked by a grammar."""
    faces = {"\U0001f600": "thank you, all is well", "\U0001f4a5": "this is the third time it broke"}
    table = write_desks(tmp_path / "faces.csv", faces, train=4, test=3)
    with added("box", served.llama_server, smollm2.path) as model:
        code, found = compared(table, tmp_path / "out", "--model", model, "--variants", "zero-shot,few-shot")
        assert code == 0
    assert {figures["n_failed"] for figures in found.values()} == {0}
    frame = _frame(tmp_path / "out")
    assert set(frame["answer"]) <= set(faces)
    assert all(not row or set(json.loads(row)) <= set(faces) for row in frame["probabilities"])


def test_llama_cpp_server_answers_in_blocks_as_it_keeps_one_prompt(
    smollm2: ModelFacts, module_home: Path, desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Variants take turns by blocks of 20 rows, the memo says so, and several rows at once are no gain there."""
    with added("small", served.llama_cpp_server, smollm2.path) as model:
        options = ("--model", model, "--variants", "zero-shot,few-shot", "--prior-correction", "off")
        code, _found = compared(desk, tmp_path / "out", *options)
        assert code == 0
        assert json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))["block_rows"] == 20
        assert cli.main(["report", "latest", "--out", str(tmp_path / "memo.md")]) == 0
        assert "in blocks of 20 rows" in (tmp_path / "memo.md").read_text(encoding="utf-8").replace("\\", "")
        capsys.readouterr()
        code, _found = compared(desk, tmp_path / "at once", *options, "--throughput")
        assert code == 0
        assert "It answers one request at a time." in capsys.readouterr().err


def _models_of(server: str) -> list[str]:
    from wiring import open_lab

    lab = open_lab()
    try:
        return [facts.id for facts in lab.models.list() if facts.id.startswith(f"{server}/")]
    finally:
        lab.close()


def _frame(out: Path):
    import polars as pl

    return pl.read_parquet(out / "predictions.parquet")
