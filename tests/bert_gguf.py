"""all-MiniLM-L6-v2 as a GGUF file, so that llama.cpp's vectors can be held against torch's.

Names of tensors and facts are those of llama.cpp's architecture `bert`; a word's first piece begins with U+2581 there, and
where the vocabulary of BERT writes `##` nothing stands.
"""

from __future__ import annotations

import json
from pathlib import Path

import gguf
from safetensors.numpy import load_file

from adapters.retrieval.embedders import bundled

_LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_EMBEDDINGS = {
    "word_embeddings.weight": "token_embd.weight",
    "position_embeddings.weight": "position_embd.weight",
    "token_type_embeddings.weight": "token_types.weight",
    "LayerNorm.weight": "token_embd_norm.weight",
    "LayerNorm.bias": "token_embd_norm.bias",
}
_MEAN = 1
_NORMAL, _CONTROL = 1, 3


def write_bert(path: Path) -> Path:
    """Write the bundled embedder, all weights in 32 bit."""
    folder = Path(bundled.facts().path)
    config = json.loads((folder / "config.json").read_text())
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_file_type(0)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType(_MEAN))
    pieces = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[: config["vocab_size"]]
    special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    words = [
        piece if piece in special else piece[2:] if piece.startswith("##") else f"\u2581{piece}" for piece in pieces
    ]
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(words)
    writer.add_token_scores([-1000.0] * len(words))
    writer.add_token_types([_CONTROL if piece in special else _NORMAL for piece in pieces])
    writer.add_token_type_count(config["type_vocab_size"])
    writer.add_unk_token_id(pieces.index("[UNK]"))
    writer.add_sep_token_id(pieces.index("[SEP]"))
    writer.add_pad_token_id(pieces.index("[PAD]"))
    writer.add_mask_token_id(pieces.index("[MASK]"))
    writer.add_uint32("tokenizer.ggml.cls_token_id", pieces.index("[CLS]"))
    for name, tensor in load_file(folder / "model.safetensors").items():
        if (target := _tensor_name(name)) is not None:
            writer.add_tensor(target, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensor_name(name: str) -> str | None:
    """Return the name that llama.cpp knows a tensor by; None for one that it does not need."""
    plain = name.removeprefix("bert.")
    if plain.startswith("embeddings."):
        return _EMBEDDINGS.get(plain.removeprefix("embeddings."))
    if not plain.startswith("encoder.layer."):
        return None
    number, _, rest = plain.removeprefix("encoder.layer.").partition(".")
    part, _, kind = rest.rpartition(".")
    return f"blk.{number}.{_LAYER[part]}.{kind}"
