"""What a plan needs that a backend cannot do, or does differently: reported before the run starts. Pure functions."""

from __future__ import annotations

from urllib.parse import urlsplit

from engine.core.capabilities import TITLES, Capabilities, Support
from engine.core.errors import UsageError
from engine.core.generation import ModelFacts
from engine.core.run.plan import RunPlan
from engine.core.task import Task
from engine.core.variant import DecodingMode, effective_mode
from engine.running.preflight.remote_embedders import embedding_not_agreed, embedding_notes


def backend_limits(
    plan: RunPlan, task: Task, facts: ModelFacts, capabilities: Capabilities
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what keeps the plan from running on this backend, each with its fix, and what the user should know."""
    problems: list[str] = []
    notes: list[str] = []
    modes = {effective_mode(task, variant.decoding.mode) for variant in plan.variants if variant.generates}
    if DecodingMode.JSON in modes and capabilities.json_schema is Support.NO:
        problems.append(
            f"'{facts.name}' cannot be restricted to a JSON schema. {capabilities.reason('json_schema')} "
            "Choose free text as the decoding."
        )
    if DecodingMode.CHOICE in modes:
        names = ("choice", "choice_probabilities")
        notes += [_note(name, capabilities) for name in names if capabilities.reason(name)]
    if any(variant.lora is not None for variant in plan.variants):
        if capabilities.lora_serving is Support.NO:
            problems.append(
                f"'{facts.name}' ({facts.backend}) cannot be given LoRA weights. "
                f"{capabilities.reason('lora_serving')} Leave LoRA out, or choose a GGUF file."
            )
        elif lora_comes_with_the_server(facts, capabilities):
            notes.append("The LoRA variants use the weights that the server serves; none are trained here.")
    if plan.throughput and capabilities.batching is not Support.YES:
        notes.append(_note("batching", capabilities))
    if refusal := not_agreed(plan, facts):
        problems.append(f"{refusal.what} {refusal.fix}")
        return tuple(problems), tuple(notes)
    notes += embedding_notes(plan)
    if host := sends_rows_to(facts):
        notes.append(f"The task's rows leave this machine: they are sent to {host}.")
        if not facts.price_ref:
            notes.append(
                "What its tokens cost, if anything, is not known here: no cost is shown, and no limit stops it."
            )
    return tuple(problems), tuple(notes)


def not_agreed(plan: RunPlan, facts: ModelFacts) -> UsageError | None:
    """Return why a run may not begin: its texts would be sent to a host that the user has not agreed to."""
    if not facts.forwards_to or facts.forwards_to in plan.agreed_hosts:
        return embedding_not_agreed(plan.remote_embedders, plan.agreed_hosts)
    return UsageError(
        f"The server at {urlsplit(facts.server).netloc} does not run '{facts.name}', but would forward the task's rows "
        f"to {facts.forwards_to}.",
        "Agree to that for this run, or choose another model.",
    )


def lora_comes_with_the_server(facts: ModelFacts, capabilities: Capabilities) -> bool:
    """Tell whether LoRA variants use weights that a server holds, and that are not trained here."""
    without = capabilities.lora_training is Support.NO and capabilities.lora_serving is not Support.NO
    return without and bool(facts.server)


def no_lora_by_default(facts: ModelFacts, capabilities: Capabilities) -> str:
    """Say why the variants that train weights are not among those that are usual; empty where they are."""
    if capabilities.lora_training is not Support.NO:
        return ""
    held = " Choose them if the server holds weights." if lora_comes_with_the_server(facts, capabilities) else ""
    return (
        "Variants with LoRA are left out by default: a run trains no weights for this model. "
        f"{capabilities.reason('lora_training')}{held}"
    )


def _note(name: str, capabilities: Capabilities) -> str:
    return f"{TITLES[name]}: {getattr(capabilities, name)}. {capabilities.reason(name)}".strip()


def sends_rows_to(facts: ModelFacts) -> str:
    """Return the host that a model's inputs are sent to; empty if they stay on this machine."""
    if facts.forwards_to:
        return facts.forwards_to
    away = facts.server and not _is_this_machine(facts.server)
    return urlsplit(facts.server).netloc.rpartition("@")[2] if away else ""


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")
