"""Serve the app in a process of its own, for journeys, screenshots and benchmarks, and let their browsers in."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]
START_S = 120.0
Found = TypeVar("Found")
_ADDRESS = re.compile(rb"^Adapt Lab: (http://[\d.]+:\d+)(\S*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class ServedApp:
    """A running app: its bare address, the one with the token that lets a browser in, and its process."""

    address: str
    way_in: str
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def served_app(log: Path, environment: Mapping[str, str], options: Sequence[str] = ()) -> Iterator[ServedApp]:
    """Run `tools/serve.py`, as `make run` does, on a free port until the block ends; what it prints goes to `log`.

    Raises:
        RuntimeError: it ended, or did not print its address in time.
    """
    command = [str(ROOT / "tools" / "serve.py"), "--port", str(free_port()), *options]
    with _started(command, log, environment) as process:
        found = _waited_for(process, log, lambda: _ADDRESS.search(log.read_bytes()))
        address, query = found[1].decode(), found[2].decode()
        yield ServedApp(address=address, way_in=f"{address}{query}", process=process)


@contextlib.contextmanager
def served_script(script: Path, log: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Serve a page that is not the app, as `streamlit run` serves any script, until the block ends; yield its address.

    Raises:
        RuntimeError: it ended, or did not answer in time.
    """
    port = free_port()
    command = ["-m", "streamlit", "run", str(script), "--server.port", str(port), "--server.headless", "true"]
    with _started(command, log, environment) as process:
        _waited_for(process, log, lambda: _health(port))
        yield f"http://127.0.0.1:{port}"


def free_port() -> int:
    """Find a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and end it if it does not."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _started(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        end(process)


def _waited_for(process: subprocess.Popen[bytes], log: Path, look: Callable[[], Found | None]) -> Found:
    ends = time.monotonic() + START_S
    while (found := look()) is None:
        if process.poll() is not None or time.monotonic() > ends:
            raise RuntimeError(f"The server did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.1)
    return found


def _health(port: int) -> str | None:
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1) as reply,
    ):
        return str(reply.read())
    return None
