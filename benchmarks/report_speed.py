"""The report on 100,000 predictions (10,000 rows, 10 variants) and the memo of 2,000 rows: made-up runs, real code.

The benchmark writes rows straight into the store, in the form in which a run stores them. Their figures are random;
no conclusion is drawn from them.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from streamlit.testing.v1 import AppTest

from adapters.storage.home import home_folder
from adapters.storage.task_folder import write_task
from engine.core.limits import Limits
from engine.core.run.manifest import Manifest
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction, Timing, Usage
from engine.core.task import Example, Task
from engine.core.techniques import TECHNIQUES
from engine.core.text.languages import tell_languages
from engine.core.variant import RetrievalSpec, Variant
from engine.services.lab import Lab
from engine.services.workspace import Workspace
from wiring import open_workspace

ROOT = Path(__file__).resolve().parents[1]
PROMPT = "Sort the customer's message into one category. " * 30


def main() -> int:
    """Measure and print."""
    workspace = open_workspace()
    big = keep_run(workspace, "big", rows=10_000, variants=10)
    small = keep_run(workspace, "small", rows=2_000, variants=6)
    lab = Lab(workspace)
    lab.results.table(big)  # as a run does at its end
    started = time.perf_counter()
    memo = lab.exports.memo(small, Limits())
    print(f"  memo of 2,000 rows, 6 variants: {time.perf_counter() - started:.2f} s, {len(memo) / 1e6:.1f} MB")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    app.query_params["run_id"] = big
    started = time.perf_counter()
    app.switch_page("pages/decide/report.py").run()
    print(f"  report of 100,000 predictions, first screen: {time.perf_counter() - started:.2f} s")
    if app.exception:
        print(f"  {app.exception}")
        return 1
    for name, change in (
        ("minimum quality changed", lambda: app.number_input(key="limit_least_quality").set_value(60.0)),
        ("rows filtered", lambda: app.multiselect(key=f"report_rows_{big}_Target").set_value(["billing_refund"])),
        ("classes opened", lambda: app.session_state.__setitem__("report_tab", "Classes")),
        ("confidence opened", lambda: app.session_state.__setitem__("report_tab", "Confidence")),
    ):
        change()
        started = time.perf_counter()
        app.run()
        print(f"  {name}: {time.perf_counter() - started:.2f} s")
    lab.close()
    return 0


def keep_run(workspace: Workspace, name: str, *, rows: int, variants: int) -> str:
    """Keep a made-up run and its task, which is called `made-NAME`; return the run's id."""
    task = workspace.tasks.get("support-tickets")
    examples = [
        replace(task.examples[number % len(task.examples)], id=f"made-{number:05}", split="test")
        for number in range(rows)
    ]
    write_task(replace(task, id=f"made-{name}", examples=tuple(examples)), home_folder() / "tasks" / f"made-{name}")
    kinds = [
        Variant(
            id=f"v{number}",
            technique=list(TECHNIQUES)[number % len(TECHNIQUES)],
            retrieval=RetrievalSpec(examples_k=4) if number % len(TECHNIQUES) == 2 else None,
        )
        for number in range(variants)
    ]
    plan = RunPlan(
        run_id=f"20261124-000000-{name}",
        task_id=f"made-{name}",
        model_id="smollm2-135m-instruct",
        variants=tuple(kinds),
        test_ids=tuple(example.id for example in examples),
        train_ids=(),
    )
    workspace.store.create_run(
        Manifest(
            plan=plan,
            machine=workspace.machine.facts(),
            versions=workspace.machine.versions(),
            languages=tell_languages([example.input for example in examples]),
        )
    )
    workspace.store.add(list(_predictions(plan, task, examples)))
    workspace.store.update_run(plan.run_id, status="done")
    return plan.run_id


def _predictions(plan: RunPlan, task: Task, examples: list[Example]) -> Iterator[Prediction]:
    rng = random.Random(1)
    labels = task.answer.labels
    for example in examples:
        hard = rng.random()
        for place, variant in enumerate(plan.variants):
            right = rng.random() < 0.95 - 0.04 * place - 0.3 * hard
            answer = example.target if right else rng.choice(labels)
            total = rng.uniform(0.05, 0.4)
            yield Prediction(
                run_id=plan.run_id,
                variant_id=variant.id,
                technique=str(variant.technique),
                example_id=example.id,
                target=example.target,
                text=answer,
                answer=answer,
                score=float(answer == example.target),
                scores={"accuracy": float(answer == example.target)},
                usage=Usage(prompt_tokens=130, cached_prompt_tokens=80, completion_tokens=3),
                timing=Timing(
                    ttft_s=total * 0.8, total_s=total, prefill_s=total * 0.6, decode_s=total * 0.2, cpu_s=total
                ),
                probabilities=dict.fromkeys(labels, 0.1) | {answer: rng.uniform(0.3, 1.0)},
                prompt=PROMPT,
                rss_bytes=400_000_000,
            )


if __name__ == "__main__":
    sys.exit(main())
