"""The plain way to train LoRA weights, as a baseline for ours: see `benchmarks.training`."""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, GgufConfig

from adapters.training.machine import peak_rss_bytes

IGNORED = -100


def main() -> None:
    """Train on the rows given on standard input; print the figures."""
    wanted = json.load(sys.stdin)
    spec, rows, path = wanted["spec"], wanted["rows"], Path(wanted["model"])
    torch.manual_seed(spec["seed"])
    shuffled = random.Random(spec["seed"])
    started = time.perf_counter()
    base = AutoModelForCausalLM.from_pretrained(
        str(path.parent), gguf_file=path.name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    model: Any = get_peft_model(
        base,
        LoraConfig(
            r=spec["rank"],
            lora_alpha=spec["alpha"],
            lora_dropout=spec["dropout"],
            target_modules=list(spec["targets"]),
            task_type="CAUSAL_LM",
        ),
    )
    loading_s = time.perf_counter() - started
    began = time.perf_counter()
    model.train()
    optimizer = torch.optim.AdamW(
        [one for one in model.parameters() if one.requires_grad], lr=spec["learning_rate"], weight_decay=0.0
    )
    size = spec["batch_size"]
    steps = -(-len(rows) // size) * spec["epochs"]
    warmup = max(1, round(steps * 0.1))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: (step + 1) / warmup if step < warmup else max(0.0, (steps - step) / max(1, steps - warmup)),
    )
    for _ in range(spec["epochs"]):
        shuffled.shuffle(rows)
        for start in range(0, len(rows), size):
            loss = model(**_padded(rows[start : start + size])).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
    steps_s = time.perf_counter() - began
    model.save_pretrained(wanted["folder"])
    figures = {"steps_s": round(steps_s, 3), "loading_s": round(loading_s, 3), "peak_rss_bytes": peak_rss_bytes()}
    print(json.dumps(figures))


def _padded(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    longest = max(len(row["prompt"]) + len(row["answer"]) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    attended = torch.zeros(len(rows), longest, dtype=torch.long)
    labels = torch.full((len(rows), longest), IGNORED)
    for number, row in enumerate(rows):
        whole = torch.tensor([*row["prompt"], *row["answer"]])
        ids[number, : len(whole)] = whole
        attended[number, : len(whole)] = 1
        labels[number, len(row["prompt"]) : len(whole)] = torch.tensor(row["answer"])
    return {"input_ids": ids, "attention_mask": attended, "labels": labels}


if __name__ == "__main__":
    main()
