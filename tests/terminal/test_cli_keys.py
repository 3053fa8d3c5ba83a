"""Keys and addresses of servers in the terminal: taken from the environment or the secrets file, and never saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faulty_server import MODEL, FaultyServer
from tests.terminal.reading import Run

pytestmark = pytest.mark.timeout(120)
PLANTED = "sk-planted-4d3c2b1a0f9e"


@pytest.fixture
def server(server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FaultyServer:
    """Have the command called in a folder of its own, by a user with another one."""
    for name in ("here", "somebody"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "somebody"))
    for name in ("BOX_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return server


def files_with(key: str, *folders: Path) -> list[Path]:
    """Return the files of these folders that hold a key."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 6
    return [path for path in files if key.encode() in path.read_bytes()]


def listed(run: Run) -> set[str]:
    """Return the ids of all models."""
    code, out, err = run("models", "--json")
    assert code == 0, err
    return {one["id"] for one in json.loads(out)["models"]}


@pytest.mark.parametrize("place", ["here", "somebody"])
def test_a_key_of_the_secrets_file_is_sent_and_never_saved(
    run: Run, server: FaultyServer, home: Path, tmp_path: Path, place: str
) -> None:
    """`.streamlit/secrets.toml` here or in the user's folder gives the key; no file and no word of a run holds it."""
    secrets = tmp_path / place / ".streamlit" / "secrets.toml"
    secrets.parent.mkdir()
    secrets.write_text(f'BOX_API_KEY = "{PLANTED}"\n', encoding="utf-8")
    told = "".join(run("models", "--add", f"box={server.url}")[1:])
    assert "key from BOX_API_KEY" in told
    asked = ("compare", "--task", "support-tickets", "--model", f"box/{MODEL}", "--variants", "zero-shot")
    for fault, ended in (("", 0), ("wrong key", 1)):
        server.fault = fault
        code, out, err = run(*asked, "--limit", 2, "--out", tmp_path / "out")
        assert code == ended, err
        told += out + err
    assert set(server.keys) == {f"Bearer {PLANTED}"}
    assert PLANTED not in told
    assert files_with(PLANTED, home, tmp_path / "out") == []


def test_a_key_of_the_environment_comes_first_and_at_each_use(
    run: Run, server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is set now is sent: nothing is remembered of a key that was set before."""
    assert run("models", "--add", f"box={server.url}")[0] == 0
    monkeypatch.setenv("BOX_API_KEY", PLANTED)
    assert f"box/{MODEL}" in listed(run)
    monkeypatch.delenv("BOX_API_KEY")
    code, out, _ = run("models")
    assert code == 0
    assert "no key (BOX_API_KEY is not set)" in out
    first, *others = dict.fromkeys(server.keys)
    assert first != f"Bearer {PLANTED}"
    assert f"Bearer {PLANTED}" in others
    assert server.keys[-1] == first


def test_openai_base_url_adds_a_server_without_saving_it(
    run: Run, server: FaultyServer, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is named `openai`, is asked with its own key and answers a run; without the variable it is gone."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", PLANTED)
    model = f"openai/{MODEL}"
    assert model in listed(run)
    code, _, err = run(
        "compare", "--task", "support-tickets", "--model", model, "--variants", "zero-shot", "--limit", 2,
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0, err
    assert set(server.keys) == {f"Bearer {PLANTED}"}
    assert not (home / "servers.toml").exists()
    assert files_with(PLANTED, home, tmp_path / "out") == []
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert model not in listed(run)
