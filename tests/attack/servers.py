"""All modes of misbehaving servers through the full front door: `python -m tests.attack.servers --repeats 3`.

Each mode is a process of `cli.py compare` with its own store, then one of `cli.py report`, and one that resumes the run
at a server that behaves. Prints one figure a line, and what went wrong; ends with 1 if anything did.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from adapters.models.remote.bounds import SECONDS_VARIABLE
from adapters.models.remote.keys import variable_for
from engine.ingest.columns import Roles
from engine.ingest.options import ImportOptions
from engine.services.lab import Lab
from tests.attack.servers_check import KEY, ending, found_key, sound
from tests.attack.servers_echo import ECHOES
from tests.attack.servers_ollama import OLLAMA
from tests.attack.servers_openai import LETTERS, OPENAI
from tests.attack.servers_wire import Mode, attack_with
from tests.faulty_server import MODEL, FaultyServer
from tests.helpers import TEXTS, import_table
from tests.ollama_replay import MODEL as OLLAMA_MODEL
from tests.ollama_replay import OllamaReplay
from wiring import open_lab

MODES = (*OPENAI, *ECHOES, *OLLAMA)
ROWS = 2
BRIEF_S, USUAL_S = "1", "20"
LONGEST_S = 240.0
"""A process that takes longer hangs: retries, three answers and the start of Python on a busy machine are in it."""
ROOT = Path(__file__).parents[2]
EXIT_CODES = {"answered": {0}, "changed": {0}, "failed": {1}, "stopped": {1}, "refused": {1, 2}}


class Attack:
    """Two servers, and processes that meet them."""

    def __init__(self, folder: Path) -> None:
        """Keep homes and outputs in this folder."""
        self.folder = folder
        self.openai, self.ollama = FaultyServer(), OllamaReplay(pace_s=0.0)
        self.openai.text = "billing"
        self.wrong: list[str] = []
        self.count: Counter[str] = Counter()
        self.longest_s = 0.0

    def meet(self, mode: Mode, number: int) -> None:
        """Run one mode, and note what is wrong."""
        home, out = self.folder / f"home-{number}", self.folder / f"out-{number}"
        server = self.ollama if mode.ollama else self.openai
        lab = open_lab(home)
        lab.models.servers.add("box", self.openai.url)
        task = _task(lab, self.folder / "desk.csv")
        self.openai.listed = [{"id": MODEL, "object": "model", "owned_by": mode.owner}]
        server.attack = attack_with(mode)
        model = f"ollama/{OLLAMA_MODEL}" if mode.ollama else f"box/{MODEL}"
        choices = ("--variants", "zero-shot", "--limit", str(ROWS), "--decoding", mode.decoding, "--out", str(out))
        code, words = self._cli(home, BRIEF_S if mode.brief else USUAL_S, "compare", "--task", task, "--model", model,
                                *choices)  # fmt: skip
        self._check(mode, code in EXIT_CODES[mode.ends], f"exit code {code}: {words[-300:]}")
        for run in lab.runs.list():
            rows, status = lab.results.predictions(run.run_id), lab.runs.snapshot(run.run_id).status
            wanted = "answered" if mode.ends == "changed" else mode.ends
            self._check(mode, ending(rows, status, ROWS) == wanted, f"{status}, {[row.failure for row in rows]}")
            self._check(mode, all(map(sound, rows)), "a row is not sound")
            (out / "run").parent.mkdir(exist_ok=True)
            (out / "run").write_bytes(lab.exports.pack(run.run_id))
            if rows:
                code, more = self._cli(home, USUAL_S, "report", run.run_id, "--out", str(out / "memo.html"))
                self._check(mode, code == 0, f"report: exit code {code}: {more[-300:]}")
                words += more
            if wanted in {"failed", "stopped"}:
                server.attack = None if mode.owner == "somebody" else attack_with(LETTERS)
                lasting = [row for row in rows if row.failure and not row.failure.passing]
                code, more = self._cli(home, USUAL_S, "compare", "--resume", run.run_id)
                self._check(mode, code == (len(lasting) == ROWS), f"resume: exit code {code}: {more[-300:]}")
                words += more
        server.attack = None
        lab.close()
        self._check(mode, "Traceback" not in words, f"a traceback: {words[-600:]}")
        places = found_key([home, out], words)
        self.count["keys found"] += len(places)
        self._check(mode, not places, f"the key is in {places}")
        self.count["modes met"] += 1

    def _cli(self, home: Path, seconds: str, *arguments: str) -> tuple[int, str]:
        settings = {"ADAPTLAB_HOME": str(home), "OLLAMA_HOST": self.ollama.url, SECONDS_VARIABLE: seconds,
                    "ADAPTLAB_FIND": "off", **{variable_for(name): KEY for name in ("box", "ollama")}}  # fmt: skip
        started = time.monotonic()
        try:
            done = subprocess.run([sys.executable, "cli.py", *arguments], cwd=ROOT, env={**os.environ, **settings},
                                  capture_output=True, text=True, timeout=LONGEST_S, check=False)  # fmt: skip
        except subprocess.TimeoutExpired:
            self.count["hangs"] += 1
            return 124, ""
        self.longest_s = max(self.longest_s, time.monotonic() - started)
        self.count["processes"] += 1
        return done.returncode, done.stdout + done.stderr

    def _check(self, mode: Mode, right: bool, otherwise: str) -> None:
        if not right:
            self.wrong.append(f"{mode.name}: {otherwise}")

    def close(self) -> None:
        """Stop the servers."""
        self.openai.close()
        self.ollama.close()


def _task(lab: Lab, path: Path) -> str:
    rows = [
        (text, label, "train" if n < 3 else "test") for label, texts in TEXTS.items() for n, text in enumerate(texts)
    ]
    lines = ["message,desk,split", *(f'"{text}",{label},{split}' for text, label, split in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = ImportOptions(roles=Roles(inputs=("message",), target="desk", split="split"))
    return lab.tables.save(import_table(lab.tables.read_path(path), options, task_id=path.stem).task)


def main(say: Callable[[str], object] = print) -> int:
    """Meet all modes so many times, in another order each time; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--minutes", type=float, default=55.0, help="begin no further mode after so long")
    parser.add_argument("--only", default="", help="modes with this in their names")
    options = parser.parse_args()
    chosen = [mode for mode in MODES if options.only in mode.name]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="adaptlab-attack-") as folder:
        attack = Attack(Path(folder))
        shuffling = random.Random(options.seed)
        order = [mode for _ in range(options.repeats) for mode in shuffling.sample(chosen, len(chosen))]
        for number, mode in enumerate(order):
            if time.monotonic() - started < options.minutes * 60:
                attack.meet(mode, number)
        attack.close()
    for problem in attack.wrong:
        say(f"wrong: {problem}")
    say(f"modes: {len(chosen)}, met {attack.count['modes met']} times of {len(order)}, seed {options.seed}")
    say(f"processes: {attack.count['processes']}, the longest {attack.longest_s:.1f} s")
    say(f"hangs over {LONGEST_S:.0f} s: {attack.count['hangs']}")
    say(f"places with the key: {attack.count['keys found']}")
    say(f"wrong: {len(attack.wrong)}")
    say(f"took {(time.monotonic() - started) / 60:.1f} min")
    return 1 if attack.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
