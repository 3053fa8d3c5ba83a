"""How llama.cpp loads a model here, so that it answers on every processor. For worker processes: imports llama.cpp."""

from __future__ import annotations

from typing import Any

from llama_cpp import llama_cpp

_llama_cpps_own = llama_cpp.llama_model_default_params


def model_parameters() -> Any:
    """Return llama.cpp's defaults for loading a model, without Intel's AMX.

    Where llama.cpp was compiled for AMX, GCC drops the shapes of the tiles before they are loaded, since its
    `_tile_loadconfig` reads only the first 8 of their 64 bytes, and the first prompt ends the process with SIGILL
    (https://github.com/ggml-org/llama.cpp/pull/26954). AMX is used with weights alone that were put into its order, so
    there they stay in the file's.
    """
    parameters = _llama_cpps_own()
    if b"AMX_INT8 = 1" in llama_cpp.llama_print_system_info():
        parameters.use_extra_bufts = False
    return parameters


def set_as_default() -> None:
    """Let `llama_cpp.Llama`, which takes no such option, load models with `model_parameters` in this process."""
    llama_cpp.llama_model_default_params = model_parameters
