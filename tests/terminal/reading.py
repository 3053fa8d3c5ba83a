"""How the terminal is called in tests, and how what it prints in a pipe is read."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WORDS = {"alpha": "lorem ipsum dolor", "beta": "sit amet elit", "gamma": "sed do eiusmod"}
"""Labels with a text each, for `write_desks`."""
Run = Callable[..., tuple[int, str, str]]
"""Carries out a command; gives exit code, output and errors."""


def command(*arguments: object) -> list[str]:
    """Return a command line for a process of its own."""
    return [sys.executable, "cli.py", *(str(argument) for argument in arguments)]


def environment(*, pace_s: float = 0.0) -> dict[str, str]:
    """Return an environment in which the scripted model is there and takes this long for a row."""
    return {**os.environ, "ADAPTLAB_SCRIPTED": "1", "ADAPTLAB_SCRIPTED_PACE_S": str(pace_s), "COLUMNS": "200"}


def begin(*arguments: object, pace_s: float = 0.0) -> subprocess.Popen[str]:
    """Begin a command in a process of its own, whose output and errors go into pipes."""
    return subprocess.Popen(
        command(*arguments), cwd=ROOT, env=environment(pace_s=pace_s), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def blocks(text: str) -> list[list[dict[str, str]]]:
    """Read what is printed in a pipe: blocks of tab-separated values, each with a header."""
    found = []
    for block in text.rstrip("\n").split("\n\n"):
        header, *lines = block.split("\n")
        names = header.split("\t")
        rows = [line.split("\t") for line in lines]
        assert all(len(row) == len(names) for row in rows), block
        found.append([dict(zip(names, row, strict=True)) for row in rows])
    return found


def written(folder: Path, name: str) -> Any:
    """Read a JSON file that a command has written into a folder."""
    return json.loads((folder / name).read_text(encoding="utf-8"))


def write_desks(path: Path, texts: Mapping[str, str], *, train: int, test: int) -> Path:
    """Write a table with a split column: so many rows of each split for each label, whose text they begin with."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["message", "desk", "split"])
        for split, rows in (("train", train), ("test", test)):
            writer.writerows(
                (f"{text} {split} {n}", label, split) for n in range(rows) for label, text in texts.items()
            )
    return path


def wait_until(state: Callable[[], bool], *, seconds: float = 120) -> None:
    """Wait for a state of the world."""
    end = time.monotonic() + seconds
    while not state():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.05)
