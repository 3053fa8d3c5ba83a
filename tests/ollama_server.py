"""A real Ollama server, built by `tools/ollama.sh`, with the model that ships made into one of its own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from adapters.models.catalog import Catalog
from tests.helpers import SMOLLM2
from tests.served import answers, free_port

ROOT = Path(__file__).parents[1]
NAME = "smollm2"
START_S = 120
BUILD_S = 1500


def program() -> str:
    """Return the path of the server; skip the test where it cannot be built, and fail it for that in CI."""
    with FileLock(ROOT / ".venv" / "ollama.lock"):  # test processes side by side build it once
        built = subprocess.run(
            ["bash", "tools/ollama.sh"], cwd=ROOT, capture_output=True, text=True, timeout=BUILD_S, check=False
        )
    if built.returncode:
        reason = built.stderr.strip().splitlines()[-1] if built.stderr.strip() else "tools/ollama.sh failed"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return built.stdout.strip().splitlines()[-1]


class RealOllama:
    """A server under way: `url` is its address."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        """Take where it is, and its process."""
        self.url, self.process = url, process

    def post(self, path: str, body: Mapping[str, Any] | bytes, *, method: str = "POST") -> list[dict[str, Any]]:
        """Send a request; return the JSON lines that come back."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=data, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=300) as reply:
            return [json.loads(line) for line in reply.read().splitlines() if line.strip()]

    def make(self, name: str, gguf: Path, **fields: Any) -> None:
        """Make a model of a GGUF file."""
        content = gguf.read_bytes()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.post(f"/api/blobs/{digest}", content)
        told = self.post("/api/create", {"model": name, "files": {gguf.name: digest}, **fields})
        assert told[-1].get("status") == "success", told[-1]


@contextlib.contextmanager
def running(home: Path, *, port: int | None = None, **environment: str) -> Iterator[RealOllama]:
    """Run a server with a home of its own until the block ends; it has the model that ships."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    known = {name: value for name, value in os.environ.items() if not name.startswith("OLLAMA_")}
    settings = {"OLLAMA_HOST": f"127.0.0.1:{port}", "OLLAMA_MODELS": str(home / "models"), "HOME": str(home)}
    process = subprocess.Popen(
        [program(), "serve"],
        env={**known, **settings, **environment},
        stdout=subprocess.DEVNULL,
        stderr=(home / "log").open("wb"),
        start_new_session=True,
    )
    server = RealOllama(url, process)
    try:
        until = time.monotonic() + START_S
        while not answers(f"{url}/api/version"):
            if process.poll() is not None or time.monotonic() > until:
                words = (home / "log").read_text(encoding="utf-8", errors="replace")[-2000:]
                raise RuntimeError(f"Ollama did not start:\n{words}")
            time.sleep(0.1)
        listed = server.post("/api/tags", b"", method="GET")[0]["models"]
        if not any(str(one["name"]).startswith(NAME) for one in listed or ()):
            # One thread: several of them spin while they wait for each other, for seconds where others want the cores.
            gguf = Path(Catalog(home / "digests.json").model(SMOLLM2).path)
            server.make(NAME, gguf, parameters={"num_thread": 1})
        yield server
    finally:
        # With the processes that hold its models: they outlive a server that is killed.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
