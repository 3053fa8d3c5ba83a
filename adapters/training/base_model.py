"""Load the very GGUF that serves as a PyTorch model, tensor by tensor, so that a cancel is noticed in between.

Weights are dequantized in slices straight into their place: the peak is the model plus one slice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
import torch
from gguf.tensor_mapping import TensorNameMap
from transformers import AutoModelForCausalLM
from transformers.initialization import no_init_weights

from adapters.models.gguf_header import GgufHeader, TensorPlace
from adapters.training.architectures import Architecture
from adapters.training.base_config import config_from
from engine.core.errors import UntrainableError

_SLICE_ROWS = 4096
_NOT_PARAMETERS = re.compile(r"rope_freqs\.weight")


def names_in_gguf(header: GgufHeader) -> TensorNameMap:
    """Return the `gguf` package's map from transformers' names to llama.cpp's."""
    wanted = "llama" if header.architecture == "mistral" else header.architecture
    for number, name in gguf.MODEL_ARCH_NAMES.items():
        if name == wanted:
            return gguf.get_tensor_name_map(number, header.whole("block_count"))
    raise UntrainableError(f"The gguf package does not know the architecture '{wanted}'.", "Update the package gguf.")


def load_base(
    path: Path,
    header: GgufHeader,
    architecture: Architecture,
    dtype: torch.dtype,
    on_step: Callable[[float], None] = lambda _fraction: None,
) -> Any:
    """Build the model and fill it from the file; all parameters frozen.

    `on_step` is called with the fraction done after each tensor, and may raise to stop.

    Raises:
        UntrainableError: the file and the architecture do not match tensor for tensor.
        ModelFileError: the file does not say what is needed.
    """
    config = config_from(header, architecture)
    with no_init_weights():
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.tie_weights()
    names = names_in_gguf(header)
    data = np.memmap(path, dtype=np.uint8, mode="r")
    parameters = dict(model.named_parameters())
    used: set[str] = set()
    for number, (name, parameter) in enumerate(parameters.items(), start=1):
        place = header.tensors.get(names.get_name(name, try_suffixes=(".weight", ".bias")) or "")
        if place is None or place.shape != tuple(parameter.shape):
            raise UntrainableError(
                f"The file has no fitting tensor for '{name}'.", "Choose another file of this model."
            )
        used.add(place.name)
        parameter.requires_grad_(requires_grad=False)
        _fill(parameter, data, place, _repair(architecture, place.name, config))
        on_step(number / len(parameters))
    left = [name for name in header.tensors if name not in used and not _NOT_PARAMETERS.fullmatch(name)]
    if left and not (config.tie_word_embeddings and left == ["output.weight"]):
        raise UntrainableError(f"The file holds tensors with no place in the model: {left[0]}.", "Choose another file.")
    if "rope_freqs.weight" in header.tensors:
        _stretch_rotary(model, data, header.tensors["rope_freqs.weight"])
    model.eval()
    return model


def _fill(
    parameter: torch.Tensor,
    data: npt.NDArray[np.uint8],
    place: TensorPlace,
    repair: Callable[[torch.Tensor], torch.Tensor] | None,
) -> None:
    rows, row_bytes = _rows_and_bytes(place)
    raw = data[place.offset_bytes : place.offset_bytes + rows * row_bytes]
    if raw.size != rows * row_bytes:
        raise UntrainableError(f"The file is cut short within '{place.name}'.", "Download it again.")
    table = raw.reshape(rows, row_bytes)
    target = parameter.detach().view(rows, -1)
    step = rows if repair else _SLICE_ROWS
    for start in range(0, rows, step):
        part = np.array(table[start : start + step])
        values = torch.from_numpy(gguf.dequantize(part, gguf.GGMLQuantizationType(place.type_number)))
        values = values.view(len(part), -1)
        target[start : start + step].copy_(repair(values) if repair else values)


def _rows_and_bytes(place: TensorPlace) -> tuple[int, int]:
    block, block_bytes = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(place.type_number)]
    return math.prod(place.shape[:-1]), place.shape[-1] // block * block_bytes


def _repair(
    architecture: Architecture,
    name: str,
    config: Any,
) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """Return what undoes the GGUF converter's change to this tensor, if it made one."""
    if architecture.norm_offset and name.endswith("norm.weight"):
        return lambda values: values - architecture.norm_offset
    if architecture.rows_permuted and re.search(r"\.attn_[qk]\.", name):
        heads = config.num_attention_heads if ".attn_q." in name else config.num_key_value_heads
        if name.endswith(".bias"):
            return lambda values: unpermuted(values.view(-1, 1), heads).view(1, -1)
        return lambda values: unpermuted(values, heads)
    return None


def unpermuted(rows: torch.Tensor, heads: int) -> torch.Tensor:
    """Undo the GGUF converter's order of the rows of q or k, `[heads * width, ...]`."""
    return rows.view(heads, -1, 2, *rows.shape[1:]).transpose(1, 2).reshape(rows.shape)


def _stretch_rotary(
    model: Any,
    data: npt.NDArray[np.uint8],
    place: TensorPlace,
) -> None:
    """Divide the rotary frequencies by the file's factors, as llama.cpp does (Llama 3.1 and later)."""
    rows, row_bytes = _rows_and_bytes(place)
    raw = np.array(data[place.offset_bytes : place.offset_bytes + rows * row_bytes])
    factors = torch.from_numpy(gguf.dequantize(raw, gguf.GGMLQuantizationType(place.type_number)).copy())
    rotary = model.model.rotary_emb
    rotary.inv_freq = rotary.inv_freq / factors.view(-1)[: rotary.inv_freq.numel()]
