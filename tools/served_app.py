"""Serve the app in a process of its own, for journeys and screenshots, and let their browsers in."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START_S = 120.0
_ADDRESS = re.compile(rb"^Adapt Lab: (http://[\d.]+:\d+)(\S*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class ServedApp:
    """A running app: its bare address, the one with the token that lets a browser in, and its process."""

    address: str
    way_in: str
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def served_app(log: Path, environment: Mapping[str, str], options: Sequence[str] = ()) -> Iterator[ServedApp]:
    """Run `tools/serve.py` on a free port until the block ends; what it prints goes to `log`.

    Raises:
        RuntimeError: it ended, or did not print its address in time.
    """
    command = [sys.executable, str(ROOT / "tools" / "serve.py"), "--port", str(free_port()), *options]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address, query = _printed(log, process)
        yield ServedApp(address=address, way_in=f"{address}{query}", process=process)
    finally:
        end(process)


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


def _printed(log: Path, process: subprocess.Popen[bytes]) -> tuple[str, str]:
    ends = time.monotonic() + START_S
    while (found := _ADDRESS.search(log.read_bytes())) is None:
        if process.poll() is not None or time.monotonic() > ends:
            raise RuntimeError(f"The app did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.1)
    return found[1].decode(), found[2].decode()
