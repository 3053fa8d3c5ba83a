"""Write trained LoRA weights as a GGUF file that llama.cpp applies to its base.

llama.cpp computes `y += scale * (alpha / rank) * B A x` and looks for `<tensor>.lora_a` and `<tensor>.lora_b`
(convert_lora_to_gguf.py and llama-adapter.cpp of https://github.com/ggml-org/llama.cpp). Matrices are kept in
fp32: rounding is not worth it for a file of a few megabytes.
"""

from __future__ import annotations

import re
from pathlib import Path

import gguf
import torch

from adapters.models.gguf_header import GgufHeader
from adapters.training.architectures import Architecture
from adapters.training.base_model import names_in_gguf
from adapters.training.lora_layers import State
from engine.core.errors import UntrainableError


def write_gguf_lora(
    path: Path, state: State, header: GgufHeader, architecture: Architecture, *, alpha: float, base_digest: str
) -> None:
    """Write A `[rank, in]` and B `[out, rank]` of each module under the name of the tensor that they change.

    Raises:
        UntrainableError: a module has no tensor in the base.
    """
    names = names_in_gguf(header)
    writer = gguf.GGUFWriter(str(path), header.architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    writer.add_string("adaptlab.base_digest", base_digest)
    for module, (a, b) in state.items():
        name = names.get_name(f"{module}.weight", try_suffixes=(".weight",))
        if name is None or name not in header.tensors:
            raise UntrainableError(f"'{module}' has no tensor in the base file.", "Choose other LoRA targets.")
        writer.add_tensor(f"{name}.lora_a", a.contiguous().numpy())
        writer.add_tensor(f"{name}.lora_b", _rows_as_in_file(name, b, header, architecture).contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _rows_as_in_file(name: str, b: torch.Tensor, header: GgufHeader, architecture: Architecture) -> torch.Tensor:
    """Give the rows of B the order that the GGUF converter gave to those of q and k."""
    if not architecture.rows_permuted or not re.search(r"\.attn_[qk]\.weight$", name):
        return b
    heads = header.whole("attention.head_count")
    return permuted(b, heads if ".attn_q." in name else header.whole("attention.head_count_kv", heads))


def permuted(rows: torch.Tensor, heads: int) -> torch.Tensor:
    """Reorder the rows of q or k, `[heads * width, ...]`, as llama.cpp's converter does."""
    return rows.view(heads, 2, -1, *rows.shape[1:]).transpose(1, 2).reshape(rows.shape)
