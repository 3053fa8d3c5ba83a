"""`runs import` of a run that was tampered with: scores are counted again here, and what cannot be leaves nothing."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.terminal.reading import Run

Lines = list[dict[str, Any]]
Tamper = Callable[[dict[str, Any], Lines], None]


@pytest.fixture
def packed(run: Run, kept: str, tmp_path: Path) -> bytes:
    """Export the kept run, and return it as it is carried elsewhere, with its task."""
    code, _, err = run("runs", "export", kept, "--out", tmp_path / "out")
    assert code == 0, err
    return (tmp_path / "out" / f"run-{kept}.zip").read_bytes()


def tampered(data: bytes, tamper: Tamper, *, task: bool = True) -> bytes:
    """Pack a run again after its manifest and its predictions were rewritten, with its task or without."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if task or name != "task.zip"}
    manifest = json.loads(files["run.json"])
    lines = [json.loads(line) for line in files["predictions.jsonl"].splitlines()]
    tamper(manifest, lines)
    files |= {
        "run.json": json.dumps(manifest).encode(),
        "predictions.jsonl": "\n".join(json.dumps(line) for line in lines).encode(),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def boast(_manifest: dict[str, Any], lines: Lines) -> None:
    """Claim that every answer is right, whatever the model wrote."""
    for line in lines:
        line.update(score=1.0, scores={"accuracy": 1.0}, answer=line["target"], failure=None)


def qualities(run: Run, run_id: str) -> dict[str, float]:
    """Return the quality of each variant as it is shown."""
    code, out, err = run("runs", "show", run_id, "--json")
    assert code == 0, err
    return {one["variant"]: one["quality"]["value"] for one in json.loads(out)["summary"]["variants"]}


@pytest.mark.parametrize("task_is_here", [True, False], ids=["by the task here", "by the task that came along"])
def test_scores_that_an_archive_claims_are_not_believed(
    run: Run, kept: str, packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task_is_here: bool
) -> None:
    """An archive that says that all is right has the quality by the answers, as the run had where it was measured."""
    true = qualities(run, kept)
    assert min(true.values()) < 1
    path = tmp_path / "boast.zip"
    path.write_bytes(tampered(packed, boast, task=not task_is_here))
    if task_is_here:
        assert run("runs", "delete", kept, "--yes")[0] == 0
    else:
        monkeypatch.setenv("ADAPTLAB_HOME", str(tmp_path / "other home"))
    code, _, err = run("runs", "import", path)
    assert code == 0, err
    assert qualities(run, kept) == true


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (lambda manifest, lines: manifest.update(load_s=float("nan")), "'load_s' is nan"),
        (lambda manifest, lines: lines[-1]["timing"].update(total_s=float("inf")), "'total_s' is inf"),
        (lambda manifest, lines: lines[-1].update(score=7.0), "score is 7.0"),
    ],
    ids=["seconds that are no number", "an answer without end", "a score above 1"],
)
def test_a_number_that_cannot_be_leaves_nothing_behind(
    run: Run, packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tamper: Tamper, words: str
) -> None:
    """One impossible number among sound rows is one error: neither the run nor the task that came along is kept."""
    path = tmp_path / "wrong.zip"
    path.write_bytes(tampered(packed, tamper))
    monkeypatch.setenv("ADAPTLAB_HOME", str(tmp_path / "other home"))
    before = json.loads(run("tasks", "--json")[1])
    code, out, err = run("runs", "import", path)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 2, err
    assert words in err
    assert json.loads(run("runs", "--json")[1])["runs"] == []
    assert json.loads(run("tasks", "--json")[1]) == before
