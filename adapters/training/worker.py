"""The training process: one request, one result. Run as `python -m adapters.training.worker`.

Heavy imports happen inside the request, so that a cancel is noticed while they load.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.cores import usable_cores
from adapters.processes.server import Emit, serve
from adapters.training.machine import AnonymousPeak, anonymous_bytes, peak_rss_bytes
from engine.core.steps import check_cancelled
from engine.core.variant import LoraSpec

if TYPE_CHECKING:
    from adapters.training.loop import Curves, Step

CANCEL_PATIENCE_S = 0.5
"""How long a cancel waits for the end of a step before the process exits in the middle of it."""
_LOADING_SHARE, _TRAINING_SHARE = 0.1, 0.88


def train(request: dict[str, Any], emit: Emit, cancel: threading.Event) -> dict[str, Any]:
    """Train as asked, write everything into `request["folder"]`, and return the measured figures."""
    over = threading.Event()
    threading.Thread(target=_leave_when_cancelled, args=(cancel, over), daemon=True).start()
    try:
        with AnonymousPeak() as peak:
            return _train(request, emit, cancel, peak)
    finally:
        over.set()


def _leave_when_cancelled(cancel: threading.Event, over: threading.Event) -> None:
    """End the process if a cancelled training does not stop by itself.

    A step of a larger model can take longer than a user should wait. Nothing is lost: the caller removes the folder.
    """
    cancel.wait()
    if not over.wait(CANCEL_PATIENCE_S):
        os._exit(0)


def _train(request: dict[str, Any], emit: Emit, cancel: threading.Event, peak: AnonymousPeak) -> dict[str, Any]:
    started = time.perf_counter()

    def progress(stage: str, fraction: float, **more: float | str | None) -> None:
        check_cancelled(cancel, "The training was stopped.")
        emit({"progress": {"stage": stage, "fraction": round(fraction, 4), **more}})

    progress("loading the model", 0.0, detail="libraries")
    import torch

    from adapters.models.gguf_header import read_header
    from adapters.training.architectures import architecture_named
    from adapters.training.attention import use_packed_attention
    from adapters.training.base_model import load_base
    from adapters.training.gguf_lora import write_gguf_lora
    from adapters.training.loop import train_layers
    from adapters.training.lora_layers import attach, write_peft

    libraries_bytes = anonymous_bytes()
    torch.set_num_threads(usable_cores())
    torch.use_deterministic_algorithms(mode=True)
    spec = LoraSpec(**{**request["spec"], "targets": tuple(request["spec"]["targets"])})
    torch.manual_seed(spec.seed)
    path, folder = Path(request["model_path"]), Path(request["folder"])
    header, architecture = read_header(path), architecture_named(request["architecture"])
    dtype = torch.bfloat16 if request["bf16"] else torch.float32
    model = load_base(
        path,
        header,
        architecture,
        dtype,
        lambda done: progress("loading the model", done * _LOADING_SHARE, detail="weights"),
    )
    use_packed_attention(model)
    layers = attach(model, request["modules"], rank=spec.rank, alpha=spec.alpha, dropout=spec.dropout)
    loaded_s = time.perf_counter() - started
    began = time.perf_counter()

    def on_step(step: Step | None) -> None:
        check_cancelled(cancel, "The training was stopped.")
        if step is not None:
            progress("training", **_figures(step, time.perf_counter() - began))

    rows, held_out = (
        [(tuple(prompt), tuple(answer)) for prompt, answer in request.get(name, [])] for name in ("rows", "held_out")
    )
    state, curves = train_layers(model, layers, rows, spec, held_out=held_out, on_step=on_step)
    steps_s = time.perf_counter() - began
    progress("saving the weights", _LOADING_SHARE + _TRAINING_SHARE)
    write_peft(folder, state, spec, request["modules"])
    facts = request["manifest"]
    write_gguf_lora(
        folder / "lora.gguf", state, header, architecture, alpha=spec.alpha, base_digest=facts["base_digest"]
    )
    measured = {
        "train_s": round(time.perf_counter() - started, 3),
        "loading_s": round(loaded_s, 3),
        "steps_s": round(steps_s, 3),
        "peak_rss_bytes": peak_rss_bytes(),
        "peak_anonymous_bytes": peak.read(),
        "libraries_bytes": libraries_bytes,
        "rows": len(rows),
        "dtype": str(dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
    }
    manifest = {**facts, "parameters": request["spec"], "modules": request["modules"], **measured, **_told(curves)}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
    return measured


def _figures(step: Step, elapsed_s: float) -> Mapping[str, Any]:
    """Turn a step into the fields of a `Progress`."""
    speed = step.tokens / elapsed_s if elapsed_s > 0 else None
    return {
        "fraction": _LOADING_SHARE + _TRAINING_SHARE * step.step / step.steps,
        "left_s": round(max(0, step.tokens_total - step.tokens) / speed, 1) if speed else None,
        "step": step.step,
        "steps": step.steps,
        "loss": round(step.loss, 5) if step.validation_loss is None else None,
        "validation_loss": None if step.validation_loss is None else round(step.validation_loss, 5),
        "tokens_per_s": round(speed, 1) if speed else None,
    }


def _told(curves: Curves) -> dict[str, Any]:
    """Return what the manifest says about the course of a training and the versions behind it."""
    return {
        "tokens": curves.tokens,
        "loss_curve": [round(loss, 6) for loss in curves.losses],
        "validation_curve": [round(loss, 6) for loss in curves.validation_losses],
        "best_epoch": curves.best_epoch,
        "epochs_done": curves.epochs_done,
        "versions": {name: version(name) for name in ("torch", "transformers", "peft", "gguf")},
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


if __name__ == "__main__":
    serve({"train": train})
