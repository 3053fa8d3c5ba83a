"""Score LoRA weights in PEFT's form with PEFT's own layers, in fp32: see `benchmarks.training`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from adapters.models.gguf_header import read_header
from adapters.training.architectures import architecture_named
from adapters.training.attention import use_packed_attention
from adapters.training.base_model import load_base
from adapters.training.loop import packed_masks
from adapters.training.packing import pack


def main() -> None:
    """Print the accuracy on the rows given on standard input."""
    wanted = json.load(sys.stdin)
    path = Path(wanted["model"])
    header = read_header(path)
    base = load_base(path, header, architecture_named(header.architecture), torch.float32)
    use_packed_attention(base)
    model: Any = PeftModel.from_pretrained(base, wanted["folder"]).eval()
    with torch.no_grad():
        right = sum(most_probable(model, row["prompt"], wanted["labels"]) == row["label"] for row in wanted["rows"])
    print(right / len(wanted["rows"]))


def most_probable(model: Any, prompt: list[int], labels: list[list[int]]) -> int:
    """Return the number of the label whose tokens are the most probable answer; labels share the prompt, packed."""
    packed = pack([(prompt, label) for label in labels])
    inner = model.get_base_model()
    states = inner.model(
        input_ids=packed.ids, position_ids=packed.positions, attention_mask=packed_masks(inner, packed), use_cache=False
    ).last_hidden_state[0]
    logs = torch.log_softmax(inner.lm_head(states[packed.sources]).float(), dim=-1)
    each = logs.gather(1, packed.targets[:, None])[:, 0].split([len(label) for label in labels])
    return int(torch.stack([one.sum() for one in each]).argmax())


if __name__ == "__main__":
    main()
