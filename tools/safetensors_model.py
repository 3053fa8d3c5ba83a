"""Write the model that ships as a Hugging Face folder: `python tools/safetensors_model.py FOLDER`.

For servers that read safetensors, as vLLM does. The weights are those that training computes with, the same GGUF
dequantized, so that LoRA weights that were trained here belong to them; tokenizer and chat template are the file's own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import gguf  # noqa: E402
import torch  # noqa: E402
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402

from adapters.models.gguf_header import GgufHeader, read_header  # noqa: E402
from adapters.training.architectures import architecture_named  # noqa: E402
from adapters.training.base_model import load_base  # noqa: E402
from wiring import open_lab  # noqa: E402

MODEL = "smollm2-135m-instruct"
SPLITTING = "smollm"
"""The file's word for how text is split before the merges: single digits, then GPT-2's expression."""

RECOMMENDED_PENALTY = 1.3
"""Published models recommend such options, and servers follow them unless told otherwise; a test looks for it."""


def main(folder: Path) -> None:
    """Write weights, configuration and tokenizer."""
    path = Path(open_lab().models.get(MODEL).path)
    header = read_header(path)
    model = load_base(path, header, architecture_named(header.architecture), torch.bfloat16)
    for name in ("bos", "eos"):
        setattr(model.config, f"{name}_token_id", header.facts[f"tokenizer.ggml.{name}_token_id"])
    model.generation_config.repetition_penalty = RECOMMENDED_PENALTY
    model.save_pretrained(folder)
    _tokenizer(path, header).save_pretrained(folder)
    sys.stdout.write(f"{folder}\n")


def _tokenizer(path: Path, header: GgufHeader) -> Any:
    fields = gguf.GGUFReader(path).fields
    tokens, merges, kinds = (fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges", "token_type"))
    if header.facts["tokenizer.ggml.pre"] != SPLITTING:
        sys.exit(f"The tokenizer of {path.name} splits text in another way than {SPLITTING}.")
    pairs = [tuple(merge.split(" ", 1)) for merge in merges]
    made = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=pairs))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == gguf.TokenType.CONTROL]
    made.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        chat_template=header.facts["tokenizer.chat_template"],
        bos_token=tokens[int(header.facts["tokenizer.ggml.bos_token_id"])],
        eos_token=tokens[int(header.facts["tokenizer.ggml.eos_token_id"])],
        clean_up_tokenization_spaces=False,
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
