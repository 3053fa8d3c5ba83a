"""A GGUF file with a small SentencePiece vocabulary and no weights, for what is read from a vocabulary alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gguf

CONTROL = ("<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "<|im_end|>")
USER_DEFINED = ("<b>", "\n\n")
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content + eos_token }}"
    "{% else %}[INST] {{ m.content }} [/INST]{% endif %}{% endfor %}"
)


def add_vocabulary(writer: gguf.GGUFWriter, words: Sequence[tuple[str, gguf.TokenType]]) -> int:
    """Add a SentencePiece vocabulary: an unknown word, these (the first two begin and end a text), and all bytes.

    Returns:
        The number of its tokens.
    """
    every = [("<unk>", gguf.TokenType.UNKNOWN), *words]
    every += [(f"<0x{byte:02X}>", gguf.TokenType.BYTE) for byte in range(256)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _ in every])
    writer.add_token_scores([-float(number) for number in range(len(every))])
    writer.add_token_types([int(kind) for _, kind in every])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    return len(every)


def write_out(writer: gguf.GGUFWriter) -> None:
    """Write the file, and close it."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_sentencepiece(path: Path, *, template: str = MISTRAL, prefix: bool = True) -> Path:
    """Write the file: control tokens as in Mistral's vocabularies, bytes, and the letters one by one."""
    words = [(text, gguf.TokenType.CONTROL) for text in CONTROL]
    words += [(text, gguf.TokenType.USER_DEFINED) for text in USER_DEFINED]
    words += [(letter, gguf.TokenType.NORMAL) for letter in "\u2581abcdefghijklmnopqrstuvwxyzINSTOLCA[]/<>|_"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("letters")
    writer.add_context_length(512)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(32)
    writer.add_block_count(1)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    add_vocabulary(writer, words)
    writer.add_add_space_prefix(prefix)
    writer.add_chat_template(template)
    write_out(writer)
    return path
