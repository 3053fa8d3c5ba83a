"""`cli.py lora`: weights that were trained are listed, shown, taken away in each form, and removed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import cli
from engine.core.lora_library import EXPORTS
from tests.helpers import SMOLLM2, WriteCsv
from tests.terminal.reading import Run, blocks
from wiring import open_lab

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, write_csv: WriteCsv) -> Iterator[Path]:
    """Train small weights once, in a home folder of the module."""
    home = tmp_path_factory.mktemp("home")
    table = write_csv(tmp_path_factory.mktemp("table") / "desk.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAPTLAB_HOME", str(home))
        assert cli.main(["train", "--task", str(table), "--rank", "2", "--epochs", "1", "--train-rows", "6"]) == 0
        yield home


@pytest.fixture
def run_there(run: Run, trained: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run commands at the home folder that has the weights."""
    monkeypatch.setenv("ADAPTLAB_HOME", str(trained))
    return run


@pytest.mark.model
def test_weights_are_listed_and_shown(run_there: Run) -> None:
    """`lora` lists what `train` kept; `lora show`, by the beginning of a key, tells all that is known of it."""
    code, out, _ = run_there("lora")
    assert code == 0
    ((row,),) = blocks(out)
    assert row["trained for"].startswith("desk")
    assert row["base"] == SMOLLM2
    assert row["rows"] == "6"
    assert run_there("lora", "list")[1] == out
    code, out, _ = run_there("lora", "show", row["key"][:12])
    assert code == 0
    facts = {line["what"]: line["value"] for line in blocks(out)[0]}
    assert (facts["key"], facts["rank"], facts["epochs"], facts["training rows"]) == (row["key"], "2", "1", "6")
    (listed,) = json.loads(run_there("lora", "--json")[1])["lora"]
    shown = json.loads(run_there("lora", "show", row["key"], "--json")[1])
    assert shown["version"] == 1
    assert shown["lora"] == listed
    assert listed["parameters"]["rank"] == 2


@pytest.mark.model
@pytest.mark.parametrize("form", EXPORTS)
def test_weights_are_taken_away_in_each_form(run_there: Run, tmp_path: Path, form: str) -> None:
    """Each form is written to a file, or into a folder under a name that speaks; no file there is overwritten."""
    key = open_lab().lora.library.weights()[0].key
    path = tmp_path / "weights"
    code, out, err = run_there("lora", "export", key, "--form", form, "--out", path)
    assert code == 0, err
    assert str(path) in out
    if form == "gguf":
        assert path.read_bytes().startswith(b"GGUF")
    else:
        with zipfile.ZipFile(path) as archive:
            names = {Path(name).name for name in archive.namelist()}
            base = Path(open_lab().models.get(SMOLLM2).path)
            assert names == (
                {"Modelfile", "lora.gguf"}
                if form == "ollama"
                else {"adapter_config.json", "adapter_model.safetensors", "manifest.json"}
            )
            if form == "ollama":
                (inside,) = (name for name in archive.namelist() if name.endswith("/Modelfile"))
                text = archive.read(inside).decode()
                assert f"FROM {base.name}\n" in text
                assert str(base.parent) not in text
    code, _, err = run_there("lora", "export", key, "--form", form, "--out", tmp_path)
    assert code == 0, err
    (named,) = tmp_path.glob("desk-*6-rows-20*")
    assert named.read_bytes()[:4] == path.read_bytes()[:4]
    code, _, err = run_there("lora", "export", key, "--form", form, "--out", tmp_path)
    assert code == 2
    assert "already exists" in err


@pytest.mark.model
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "nothing-like-it"], ["Unknown key of LoRA weights 'nothing-like-it'"]),
        (["export", "nothing-like-it", "--form", "gguf", "--out", "/tmp/x"], ["nothing-like-it"]),
        (["export", "KEY", "--form", "guff", "--out", "/tmp/x"], ["guff", "Did you mean 'gguf'"]),
        (["export", "KEY", "--form", "gguf"], ["--out is missing"]),
        (["export", "KEY", "--form", "gguf", "--out", "/nowhere/deep/x"], ["/nowhere/deep/x"]),
        (["remove", "KEY"], ["--yes"]),
        (["rmove", "KEY"], ["Did you mean remove"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_wrong_names_are_two_lines_and_exit_2(run_there: Run, arguments: list[str], words: list[str]) -> None:
    """A wrong key, form or place says what and offers the nearest or the fix; nothing is removed."""
    key = open_lab().lora.library.weights()[0].key
    code, out, err = run_there("lora", *(key if argument == "KEY" else argument for argument in arguments))
    assert (code, out) == (2, "")
    assert 1 <= len(err.strip().splitlines()) <= 2, err
    for word in words:
        assert word in err
    assert [one.key for one in open_lab().lora.library.weights()] == [key]


@pytest.mark.model
def test_weights_are_removed_for_good(run_there: Run, trained: Path) -> None:
    """`remove` takes weights off the list and off the disk."""
    (key,) = [one.key for one in open_lab().lora.library.weights()]
    assert (trained / "lora" / key).is_dir()
    code, out, err = run_there("lora", "remove", key, "--yes")
    assert code == 0, err
    assert key in out
    assert not (trained / "lora" / key).exists()
    assert json.loads(run_there("lora", "--json")[1])["lora"] == []


def test_no_weights_are_a_header_alone(run: Run) -> None:
    """Without weights a pipe gets the header, and a key that is asked for is told that there are none."""
    code, out, _ = run("lora")
    assert code == 0
    assert out.startswith("key\t")
    assert len(out.splitlines()) == 1
    code, _, err = run("lora", "show", "any")
    assert code == 2
    assert "python cli.py train" in err
