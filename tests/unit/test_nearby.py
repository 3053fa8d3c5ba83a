"""Servers on the usual ports of this machine: noticed, offered, never used unasked, never looked for elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from adapters.models.remote import nearby
from adapters.models.remote_models import RemoteModels
from tests.faulty_server import FaultyServer
from tests.served import free_port


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """Run a server on one of the ports that are looked at, with nothing on the other."""
    one = FaultyServer()
    one.listed = [{"id": "small-model", "owned_by": "llamacpp"}]
    monkeypatch.setattr(nearby, "PORTS", (free_port(), urlsplit(one.url).port))
    monkeypatch.setenv("ADAPTLAB_FIND", "on")
    monkeypatch.setenv("LLAMA_API_KEY", "planted-key-0123456789")
    yield one
    one.close()


def test_a_server_is_noticed_with_a_free_name_and_gets_no_key(server: FaultyServer, tmp_path: Path) -> None:
    """Its kind and models are told; none of its models is listed, and no key is sent; once entered it is no offer."""
    models = RemoteModels(tmp_path)
    models.add("llama", "http://127.0.0.1:9/v1")
    (near,) = models.nearby()
    assert (near.name, near.url, near.kind, near.models) == ("llama2", server.url, "llama-server", 1)
    assert not any("planted" in key for key in server.keys)
    assert not [facts for facts in models.models() if facts.server == server.url]
    models.add(near.name, near.url.replace("127.0.0.1", "localhost"))
    assert models.nearby() == []


@pytest.mark.parametrize("fault", ["html", "not json", "redirect", "empty"])
def test_what_is_no_model_server_is_not_offered(server: FaultyServer, tmp_path: Path, fault: str) -> None:
    """Some other program on such a port is left alone."""
    if fault == "empty":
        server.listed = []
    else:
        server.fault = fault
        server.listed = [{"name": "no id"}]
    assert RemoteModels(tmp_path).nearby() == []


def test_no_port_is_looked_at_where_nothing_is_to_be_found(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the search off nothing is looked for."""
    monkeypatch.setenv("ADAPTLAB_FIND", "off")
    assert RemoteModels(tmp_path).nearby() == []
    assert not server.keys
