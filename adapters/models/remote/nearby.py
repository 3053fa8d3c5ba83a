"""Servers that answer on the ports of this machine where model servers usually listen.

They are offered, and never used unasked. No key is sent there, and no other machine is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

from adapters.models.openai_compatible.dialects import GENERIC, dialect_of
from adapters.models.remote.border import objects
from adapters.models.remote.telling import told
from engine.core.errors import BrokenAnswerError
from engine.core.model_servers import NearbyServer

PORTS = (1234, 8080, 8000)
"""LM Studio; llama-server; vLLM and llama_cpp.server. Ollama's own port is where Ollama is looked for."""
ANSWER_S = 0.5
_NAMES = {"LM Studio": "studio", "llama-server": "llama", "vLLM": "vllm", "llama_cpp.server": "llama"}


def nearby_servers(known: Mapping[str, str]) -> list[NearbyServer]:
    """Return the servers that answer there and are not known yet.

    Args:
        known: addresses by the names of the servers that the user entered.
    """
    urls = [url for port in PORTS if (url := f"http://127.0.0.1:{port}/v1") not in map(_plain, known.values())]
    if not urls:
        return []
    with ThreadPoolExecutor(max_workers=len(urls), thread_name_prefix="looking at ports") as pool:
        found = [one for one in pool.map(_answering, urls) if one is not None]
    names = set(known)
    named = []
    for url, kind, models in found:
        name = _free(_NAMES.get(kind, "box"), names)
        names.add(name)
        named.append(NearbyServer(name=name, url=url, kind=kind, models=models))
    return named


def _plain(url: str) -> str:
    return url.replace("//localhost", "//127.0.0.1").rstrip("/")


def _answering(url: str) -> tuple[str, str, int] | None:
    try:
        listed = told(f"{url}/models", timeout_s=ANSWER_S)["data"]
        models = [one for one in objects(listed) if isinstance(one.get("id"), str)]
    except (OSError, ValueError, KeyError, TypeError, BrokenAnswerError):
        return None
    if not models:
        return None
    dialect = dialect_of(models, closed=False)
    return url, "an OpenAI-compatible server" if dialect is GENERIC else dialect.title, len(models)


def _free(name: str, taken: Collection[str]) -> str:
    return next(one for one in (name, *(f"{name}{number}" for number in range(2, 100))) if one not in taken)
