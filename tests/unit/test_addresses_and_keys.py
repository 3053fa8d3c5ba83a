"""Addresses of servers are checked, and keys are seen by nobody."""

from __future__ import annotations

import contextlib
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models.ollama.server import address_from_environment
from adapters.models.remote.address import checked_url, is_local
from adapters.models.remote.keys import Key, key_for, variable_for
from adapters.models.remote.servers import ServerBook
from engine.core.errors import UsageError


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1"),
        (" https://api.example.com/v1 ", "https://api.example.com/v1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http:\u2060//127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
    ],
)
def test_an_address_is_kept_in_one_form(given_: str, kept: str) -> None:
    """Spaces around it, a slash at its end and what the screen adds to it make no other server of it."""
    assert checked_url(given_) == kept


@pytest.mark.parametrize(
    "text",
    [
        "", "localhost:8080", "ftp://host/v1", "file:///etc/passwd", "javascript:alert(1)", "http://", "http://ho st/v1",
        "http://host/v1?key=secret", "http://host/v1#a", "http://host:port/v1", "http://host:99999/v1", "http://[::1/v1",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    """Only plain http and https addresses are taken, and the error says how one looks."""
    with pytest.raises(UsageError) as caught:
        checked_url(text)
    assert caught.value.fix


@pytest.mark.parametrize("text", ["http://user:hunter2secret@host/v1", "https://sk-abcdef123456@host/v1"])
def test_credentials_in_an_address_are_refused_and_not_repeated(text: str) -> None:
    """A password in an address is refused, and the refusal does not show it."""
    with pytest.raises(UsageError) as caught:
        checked_url(text)
    assert "hunter2" not in str(caught.value)
    assert "abcdef" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_typed_error(text: str) -> None:
    """Whatever is typed into the field, nothing but a typed error comes of it."""
    with contextlib.suppress(UsageError):
        assert checked_url(text).startswith(("http://", "https://"))


def test_only_this_machine_is_local() -> None:
    """Loopback in all its forms is this machine, and nothing else is."""
    assert all(is_local(url) for url in ("http://localhost:1/v1", "http://127.0.0.9", "http://[::1]:3"))
    assert not any(is_local(url) for url in ("http://10.0.0.1", "https://localhost.example.com", "http://example.com"))


def test_ollamas_address_is_read_as_ollama_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """OLLAMA_HOST may lack scheme and port, or say that the server listens everywhere."""
    for text, url in (
        ("", None),
        ("box", "http://box:11434"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("http://box:99/", "http://box:99"),
        ("https://box.example.com", "https://box.example.com"),
    ):
        monkeypatch.setenv("OLLAMA_HOST", text)
        assert address_from_environment() == url


def test_a_key_shows_itself_to_nobody() -> None:
    """Neither printing nor formatting nor an error's text shows a key, and what servers say is cleaned of it."""
    key = Key("sk-planted-0123456789")
    assert "planted" not in f"{key} {key!r} {[key]}"
    assert "planted" not in key.redact("Incorrect API key provided: sk-planted-0123456789.")
    assert "abcdefgh" not in Key("").redact("you sent sk-abcdefgh1234")
    assert not hasattr(key, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_keys_come_from_the_environment_or_the_secrets_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server's key is looked up under a name made of its own, first in the environment, then in the secrets file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert variable_for("my-box") == "MY_BOX_API_KEY"
    assert not key_for("my-box")
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text('MY_BOX_API_KEY = "from the file"\n', encoding="utf-8")
    assert key_for("my-box").reveal() == "from the file"
    monkeypatch.setenv("MY_BOX_API_KEY", "from the environment")
    assert key_for("my-box").reveal() == "from the environment"


def test_the_server_file_holds_names_and_addresses_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers survive a restart, the file holds no key, and OPENAI_BASE_URL adds one without writing it down."""
    path = tmp_path / "servers.toml"
    monkeypatch.setenv("BOX_API_KEY", "planted-key-1234")
    ServerBook(path).add("box", "http://127.0.0.1:9/v1/")
    assert ServerBook(path).servers() == {"box": "http://127.0.0.1:9/v1"}
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:7/v1")
    assert ServerBook(path).servers()["openai"] == "http://127.0.0.1:7/v1"
    assert path.read_text(encoding="utf-8") == '[servers]\nbox = "http://127.0.0.1:9/v1"\n'
    ServerBook(path).remove("box")
    with pytest.raises(UsageError, match="Unknown server"):
        ServerBook(path).remove("box")


@pytest.mark.parametrize("name", ["ollama", "Box", "a b", "", "../x", "x" * 40])
def test_a_name_that_cannot_begin_a_models_id_is_refused(name: str, tmp_path: Path) -> None:
    """A server's name begins the ids of its models, so it is short, plain, and not one that is taken."""
    with pytest.raises(UsageError):
        ServerBook(tmp_path / "servers.toml").add(name, "http://127.0.0.1:9/v1")


def test_a_broken_server_file_is_an_empty_one(tmp_path: Path) -> None:
    """A file that somebody edited into nonsense takes no screen down."""
    path = tmp_path / "servers.toml"
    for text in ("not toml [", "servers = 3", '[servers]\nbox = 7\n"../up" = "http://x/v1"\n'):
        path.write_text(text, encoding="utf-8")
        assert ServerBook(path).servers() == {}
