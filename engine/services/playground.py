"""The playground: one input, answered by all variants, outside any run. None of it is kept or counted.

LoRA weights are not trained here: a question names weights that are kept, or its model's server holds some. The
instructions, the shots, what is retrieved, the temperature and the LoRA scale are the question's own, so that two
questions show what a change does.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.core.errors import UsageError
from engine.core.run.events import PreparationProgress
from engine.core.run.plan import CONTEXT_TOKENS, RunPlan
from engine.core.run.prediction import Prediction
from engine.core.steps import CancelSignal, Progress, relay
from engine.core.task import AnswerKind, Example, Task
from engine.core.techniques import TECHNIQUES
from engine.core.variant import Variant
from engine.running.answering import ReadyVariant, RunContext, answer_row
from engine.running.lora import kept_weights, servers_weights
from engine.running.preflight.backend_checks import lora_comes_with_the_server
from engine.running.preflight.context_size import context_needed
from engine.running.preparation.preparing import prepare
from engine.running.preparation.shots import settled
from engine.running.sampling import draw_training_rows
from engine.services.background.jobs import Job, JobBook, Lock
from engine.services.workspace import Workspace

MOST_KEPT = 60
"""Questions whose answers are remembered; the oldest is forgotten first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One input for several variants, with all that the user changed."""

    task_id: str
    model_id: str
    text: str
    variants: tuple[Variant, ...]
    """With the instructions and the decoding that the user chose."""
    target: str = ""
    """The right answer, if the user knows it; without one nothing is scored."""
    weights_key: str | None = None
    """Kept LoRA weights that the variants with LoRA use; None where the model's server holds them."""
    train_rows: int | None = None
    """Training rows that shots, retrieval and the classifier draw on; None draws as many as a run does by default."""
    seed: int = 0
    context_tokens: int = CONTEXT_TOKENS


@dataclass(frozen=True, kw_only=True, slots=True)
class PlayLane:
    """The current state of one variant's answer: `waiting`, `preparing`, `answering` or `done`."""

    variant: Variant
    state: str = "waiting"
    text: str = ""
    progress: Progress | None = None
    prediction: Prediction | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaySnapshot:
    """The current state of a question."""

    question: Question
    status: str
    """As `engine.services.background.jobs.Job.status`."""
    message: str
    fix: str
    stage: str
    """What is being prepared for all variants, in words; empty if nothing is."""
    lanes: tuple[PlayLane, ...]

    @property
    def is_running(self) -> bool:
        """Tell whether more will come."""
        return self.status in {"waiting", "working"}


class _Answering(Job[None]):
    """A question that is being answered."""

    def __init__(self, workspace: Workspace, question: Question) -> None:
        super().__init__("playground", self._answer, lock=Lock.REFUSE, machine=workspace.machine.lock)
        self._workspace = workspace
        self.question = question
        self.lanes = {variant.id: PlayLane(variant=variant) for variant in question.variants}
        self.stage = ""
        self.lock = threading.Lock()

    def _answer(self, _job: Job[None]) -> None:
        self.follow(answers(self._workspace, self.question, self), self._take)

    def _take(self, step: PlayLane | str) -> None:
        with self.lock:
            if isinstance(step, str):
                self.stage = step
            else:
                self.lanes[step.variant.id] = step


class Playground:
    """Answers questions in the background, one at a time. Safe to use from several threads."""

    def __init__(self, workspace: Workspace) -> None:
        """Answer with these adapters."""
        self._workspace = workspace
        self._questions: JobBook[_Answering] = JobBook(MOST_KEPT)

    def server_holds_lora(self, model_id: str) -> bool:
        """Tell whether the variants with LoRA use weights that the model's server holds; it may hold none."""
        models = self._workspace.models
        facts = models.get(model_id)
        return lora_comes_with_the_server(facts, models.capabilities(facts))

    def ask(self, question: Question) -> str:
        """Begin to answer; return the id under which the answers can be read.

        Raises:
            UsageError: there is no input, or no variant was chosen.
        """
        if not question.text.strip():
            raise UsageError("There is no input to answer.", "Write one, or take a row of the task.")
        if not question.variants:
            raise UsageError("No variant was chosen.", f"Choose from {', '.join(TECHNIQUES)}.")
        question_id, answering = secrets.token_hex(8), _Answering(self._workspace, question)
        self._questions.add(question_id, answering)
        answering.start()
        return question_id

    def snapshot(self, question_id: str) -> PlaySnapshot | None:
        """Return a question so far; None if it is no longer remembered."""
        answering = self._questions.find(question_id)
        if answering is None:
            return None
        status, error = answering.status, answering.error
        with answering.lock:
            lanes, stage = tuple(answering.lanes.values()), answering.stage
        return PlaySnapshot(
            question=answering.question,
            status=status,
            message=error.what if error else "",
            fix=error.fix if error else "",
            stage=stage,
            lanes=lanes,
        )

    def cancel(self, question_id: str) -> None:
        """Stop answering."""
        self._questions.cancel(question_id)

    def close(self) -> None:
        """Stop everything that is running."""
        self._questions.close()


def answers(workspace: Workspace, question: Question, cancel: CancelSignal) -> Iterator[PlayLane | str]:
    """Answer a question; yields lanes as they change and, as plain words, what is prepared for all.

    Raises:
        AdaptLabError: a variant cannot be prepared, or the model cannot be loaded.
    """
    _check_stays_here(workspace, question)
    task, ports = workspace.tasks.get(question.task_id), workspace.ports(question.model_id)
    context = RunContext(plan=plan_of(question), task=task, model=ports.model, retriever=ports.retriever, cancel=cancel)
    train = draw_training_rows(task, question.train_rows, seed=question.seed)
    if any(variant.generates for variant in question.variants):
        yield "Loading the model"
        # A server sets its size for each run: there prompts have the room that a run gives them.
        example = Example(id="playground", input=question.text, target="", split="test")
        needed = context_needed(context, train, [example]) if context.model.facts.server else 0
        tokens = max(question.context_tokens, needed)
        context.model.load(slots=len(TECHNIQUES) + 1, context_tokens=tokens, cancel=cancel)
        yield ""
    lora = None
    if any(variant.lora is not None for variant in question.variants):
        held = servers_weights(context.model)
        lora = held or kept_weights(ports.trainer, question.weights_key, context.model.facts)
    ready: list[ReadyVariant] = []
    by_id = {variant.id: variant for variant in question.variants}
    for event in prepare(context, ports.trainer, train, ready.append):
        if isinstance(event, PreparationProgress):
            yield PlayLane(variant=by_id[event.variant_id], state="preparing", progress=event.progress)
    example = Example(id="playground", input=question.text, target=question.target or _blank_target(task), split="test")
    for plain in ready:
        asked = by_id[plain.variant.id]
        one = replace(plain, variant=replace(plain.variant, lora=asked.lora), lora=lora if asked.lora else None)
        yield from _answer(context, one, example, scored=bool(question.target))


def _check_stays_here(workspace: Workspace, question: Question) -> None:
    """Refuse embedders on other machines: only a run asks for what they are sent and cost.

    Raises:
        UsageError: a variant has one.
    """
    wanted = {variant.embedder for variant in question.variants if variant.embedder}
    for facts in (state.facts for state in workspace.retriever.embedders()) if wanted else ():
        if facts.id in wanted and facts.sends_to:
            raise UsageError(
                f"The embedder '{facts.name}' would send this task's rows to {facts.sends_to}.",
                "Choose a variant with an embedder on this machine, or run a comparison, which asks first.",
            )


def _answer(context: RunContext, ready: ReadyVariant, example: Example, *, scored: bool) -> Iterator[PlayLane]:
    lane = PlayLane(variant=ready.variant, state="answering")
    yield lane
    written: list[str] = []

    def so_far(text: str) -> PlayLane:
        written.append(text)
        return replace(lane, text="".join(written))

    made = yield from relay(answer_row(context, ready, example, 0), so_far)
    if not scored:
        made = replace(made, score=None, scores={}, target="")
    yield replace(lane, state="done", text=made.text, prediction=made)


def plan_of(question: Question) -> RunPlan:
    """Return the plan that answering reads its settings from; LoRA is left out, since nothing is trained here."""
    return RunPlan(
        run_id="playground",
        task_id=question.task_id,
        model_id=question.model_id,
        variants=tuple(_at_once(variant) for variant in question.variants),
        test_ids=(),
        train_ids=(),
        seed=question.seed,
        context_tokens=question.context_tokens,
    )


def _at_once(variant: Variant) -> Variant:
    """Leave out what takes long to prepare: training, and comparing two ways of choosing examples."""
    return replace(variant, lora=None, shot_choice=settled(variant.shot_choice))


def _blank_target(task: Task) -> str:
    """Return a target that every scorer of the task can read; the resulting scores are discarded."""
    return "{}" if task.answer.kind is AnswerKind.JSON else "-"
