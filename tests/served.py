"""Model servers that tests start on this machine, each in a process of its own, ended with the session."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
START_S = 120
BUSY_ANSWER_S = 600.0
"""How long a real server may take to answer where other tests use all cores."""


def free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(arguments: Sequence[str], port: int) -> Iterator[str]:
    """Run a server until the block ends; yields the address of its OpenAI routes once they answer."""
    url = f"http://127.0.0.1:{port}/v1"
    process = subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT
    )
    try:
        until = time.monotonic() + START_S
        while not answers(f"{url}/models"):
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                words = (process.communicate()[1] or b"").decode("utf-8", "replace")[-2000:]
                raise RuntimeError(f"{' '.join(arguments[:2])} did not start:\n{words}")
            time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.communicate()


def answers(url: str) -> bool:
    """Tell whether something answers at an address."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def _need(package: str) -> None:
    """Skip the test where the server's package is missing; fail it for that in CI."""
    if importlib.util.find_spec(package) is None:
        missing = f"not installed: {package} (pip install -r requirements-dev.txt)"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)


@contextlib.contextmanager
def llama_server(model: str, lora: str = "") -> Iterator[str]:
    """Run llama.cpp's own server, as `xllamacpp` carries it."""
    _need("xllamacpp")
    port = free_port()
    with served(["tests/llama_server.py", model, str(port), *([lora] if lora else [])], port) as url:
        yield url


@contextlib.contextmanager
def llama_cpp_server(model: str) -> Iterator[str]:
    """Run the server of llama-cpp-python."""
    _need("sse_starlette")
    port = free_port()
    arguments = ["-m", "tests.llama_cpp_server", "--model", model, "--host", "127.0.0.1", "--port", str(port)]
    with served(
        [*arguments, "--n_ctx", "1024", "--n_threads", "1", "--n_threads_batch", "1", "--verbose", "false"], port
    ) as url:
        yield url
