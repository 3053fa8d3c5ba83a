"""llama.cpp's own server, as PyPI's `xllamacpp` carries it: `python tests/llama_server.py GGUF PORT [LORA|--embedding]`."""

from __future__ import annotations

import sys

import xllamacpp

CONTEXT_TOKENS = 1024
SLOTS = 2


def main(model: str, port: str, lora: str = "") -> None:
    """Serve until standard input ends."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.n_ctx = CONTEXT_TOKENS * SLOTS
    parameters.n_parallel = SLOTS
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = int(port)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1  # waiting threads spin: one does not wait
    parameters.warmup = False
    parameters.cache_ram_mib = 0
    if lora == "--embedding":
        parameters.embedding = True
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    elif lora:
        parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(lora, 1.0)]
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)  # noqa: T201
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
