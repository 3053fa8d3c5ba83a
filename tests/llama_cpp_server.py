"""The server of llama-cpp-python: `python -m tests.llama_cpp_server --model GGUF …`, without AMX as in the app."""

from __future__ import annotations

import runpy

from adapters.models.llama_cpp.loading import set_as_default

if __name__ == "__main__":
    set_as_default()
    runpy.run_module("llama_cpp.server", run_name="__main__")
