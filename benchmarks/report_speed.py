"""The report on 100,000 predictions (10,000 rows, 10 variants) and the memo of 2,000 rows: made-up runs, real code.

Rows are put straight into the store in the form in which a run keeps them; the figures in them are drawn, and nothing
is concluded from them.
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
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Prediction, Timing, Usage
from engine.core.task import Example, Task
from engine.core.variant import LABELS, RetrievalSpec, Variant
from wiring import LocalShelf, open_laboratory, open_shelf

ROOT = Path(__file__).resolve().parents[1]
PROMPT = "Sort the customer's message into one category. " * 30


def main() -> int:
    """Measure and print."""
    shelf = open_shelf()
    big = _keep_run(shelf, "big", rows=10_000, variants=10)
    small = _keep_run(shelf, "small", rows=2_000, variants=6)
    laboratory = open_laboratory()
    laboratory.table(big)  # as a run does at its end
    started = time.perf_counter()
    memo = laboratory.memo(small, Limits())
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
        ("least quality changed", lambda: app.number_input(key="limit_least_quality").set_value(60.0)),
        ("rows filtered", lambda: app.multiselect(key="explorer_Target").set_value(["billing_refund"])),
        ("classes opened", lambda: app.session_state.__setitem__("report_tab", "Classes")),
        ("confidence opened", lambda: app.session_state.__setitem__("report_tab", "Confidence")),
    ):
        change()
        started = time.perf_counter()
        app.run()
        print(f"  {name}: {time.perf_counter() - started:.2f} s")
    laboratory.close()
    return 0


def _keep_run(shelf: LocalShelf, name: str, *, rows: int, variants: int) -> str:
    task = shelf.task("support-tickets")
    examples = [
        replace(task.examples[number % len(task.examples)], id=f"made-{number:05}", split="test")
        for number in range(rows)
    ]
    write_task(replace(task, id=f"made-{name}", examples=tuple(examples)), home_folder() / "tasks" / f"made-{name}")
    kinds = [
        Variant(
            id=f"v{number}",
            technique=list(LABELS)[number % len(LABELS)],
            retrieval=RetrievalSpec(examples_k=4) if number % len(LABELS) == 2 else None,
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
    manifest = {"plan": plan.to_dict(), "machine": shelf.machine(), "versions": shelf.versions(), "prepared": {}}
    shelf.store.create_run(plan.run_id, manifest)
    shelf.store.add(list(_predictions(plan, task, examples)))
    shelf.store.update_run(plan.run_id, status="done")
    return plan.run_id


def _predictions(plan: RunPlan, task: Task, examples: list[Example]) -> Iterator[Prediction]:
    dice = random.Random(1)
    labels = task.answer.labels
    for example in examples:
        hard = dice.random()
        for place, variant in enumerate(plan.variants):
            right = dice.random() < 0.95 - 0.04 * place - 0.3 * hard
            answer = example.target if right else dice.choice(labels)
            total = dice.uniform(0.05, 0.4)
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
                probabilities=dict.fromkeys(labels, 0.1) | {answer: dice.uniform(0.3, 1.0)},
                prompt=PROMPT,
                rss_bytes=400_000_000,
            )


if __name__ == "__main__":
    sys.exit(main())
