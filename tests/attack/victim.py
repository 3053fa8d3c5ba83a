"""One piece of work, done as the screens do it: in a background thread of a process that may be killed at any moment.

`python -m tests.attack.victim WORK MODEL [FILE]` with `ADAPTLAB_HOME` set; says `begin` and `end`.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path

from engine.core.errors import AdaptLabError
from engine.core.run.manifest import Purpose
from engine.core.run.plan import RunPlan
from engine.core.techniques import Technique
from engine.core.variant import DecodingMode, LoraSpec
from engine.services.lab import Lab
from engine.services.trainings import TrainingOrder
from wiring import open_lab

TASK = "support-tickets"
TECHNIQUES = (Technique.ZERO_SHOT, Technique.FEW_SHOT)
SCRIPTED = "scripted"
TRAIN_ROWS, EPOCHS = 10, 1
SIZES, DRAWS = (5, 10), 2


def rows_of(model: str) -> int:
    """Return how many test rows a run answers: the scripted model is many times as fast."""
    return 100 if model == SCRIPTED else 6


def study_plans(lab: Lab, model: str) -> list[RunPlan]:
    """Plan the study."""
    return lab.studies.learning_curve(
        task_id=TASK, model_id=model, techniques=[Technique.FEW_SHOT], sizes=SIZES, draws=DRAWS,
        test_rows=rows_of(model) // 2, decoding=DecodingMode.CHOICE,
    )  # fmt: skip


def run(lab: Lab, model: str) -> None:
    """Start the run, or resume the one that was killed."""
    kept = next((info for info in lab.runs.list() if info.status != "done"), None)
    if kept is None:
        plan = lab.plans.make(task_id=TASK, model_id=model, techniques=TECHNIQUES, limit=rows_of(model), train_rows=10)
        run_id = lab.runs.start(plan)
    else:
        run_id = lab.runs.resume(kept.run_id)
    while lab.runs.snapshot(run_id).is_running:
        time.sleep(0.02)


def training(lab: Lab, model: str) -> None:
    """Train weights."""
    order = TrainingOrder(task_id=TASK, model_id=model, spec=LoraSpec(epochs=EPOCHS), train_rows=TRAIN_ROWS)
    training_id = lab.lora.start(order)
    while (snapshot := lab.lora.snapshot(training_id)) is not None and snapshot.is_running:
        time.sleep(0.02)
    if snapshot is None or not snapshot.weights_key:
        sys.exit(f"not trained: {snapshot}")


def study(lab: Lab, model: str) -> None:
    """Carry out what is missing of the study."""
    lab.studies.start(Purpose.LEARNING_CURVE, TASK, study_plans(lab, model))
    while (state := lab.studies.state(Purpose.LEARNING_CURVE)).is_running:
        time.sleep(0.02)
    if state.failed:
        sys.exit(str(state.failed))


def main() -> int:
    """Do one piece of work."""
    work, model, *files = sys.argv[1:]
    with closing(open_lab()) as lab:
        print("begin", flush=True)
        try:
            if work == "import":
                lab.exports.unpack(Path(files[0]).read_bytes())
            else:
                {"run": run, "training": training, "study": study}[work](lab, model)
        except AdaptLabError as error:
            print(error, file=sys.stderr)
            return 1
        print("end", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
