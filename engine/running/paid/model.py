"""A model whose every answer is paid for from the run's budget, where it is not a row that the runner pays for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from engine.core.capabilities import Capabilities
from engine.core.errors import ModelError
from engine.core.generation import (
    Completion,
    GenerateRequest,
    LoraWeights,
    Message,
    ModelFacts,
    TextPiece,
    TokenPair,
)
from engine.core.ports import LanguageModel
from engine.core.run.prediction import Usage
from engine.core.steps import CancelSignal
from engine.metrics.budget import Budget
from engine.running.batches import STOPS


class PaidModel:
    """Passes everything on to a model; counts its answers, and refuses to ask once the limit is reached."""

    def __init__(self, model: LanguageModel, budget: Budget, keep: Callable[[], None]) -> None:
        """Stand before this model; `keep` is called after each payment, to keep what was spent."""
        self._model, self._budget, self._keep = model, budget, keep

    @property
    def capabilities(self) -> Capabilities:
        """Of the model."""
        return self._model.capabilities

    @property
    def facts(self) -> ModelFacts:
        """Of the model."""
        return self._model.facts

    @property
    def answered_by(self) -> str:
        """As the model's."""
        return self._model.answered_by

    @property
    def rss_bytes(self) -> int:
        """Of the model."""
        return self._model.rss_bytes

    @property
    def uses_gpu(self) -> bool:
        """Of the model."""
        return self._model.uses_gpu

    def load(self, *, slots: int, context_tokens: int, cancel: CancelSignal | None = None) -> float:
        """Load the model."""
        return self._model.load(slots=slots, context_tokens=context_tokens, cancel=cancel)

    def generate(
        self, request: GenerateRequest, *, cancel: CancelSignal | None = None
    ) -> Iterator[TextPiece | Completion]:
        """Answer one request.

        Raises:
            SpendingLimitError: the limit is reached.
        """
        self._budget.check()
        try:
            for piece in self._model.generate(request, cancel=cancel):
                if isinstance(piece, Completion):
                    self._pay(piece.usage)
                yield piece
        except ModelError as error:
            self._pay(error.usage)
            raise

    def generate_batch(
        self, requests: Sequence[GenerateRequest], *, cancel: CancelSignal | None = None
    ) -> list[Completion | Exception]:
        """Answer several requests, never more at once than the limit pays for.

        Raises:
            SpendingLimitError: the limit is reached.
        """
        answers: list[Completion | Exception] = []
        while len(answers) < len(requests):
            self._budget.check()
            left = requests[len(answers) :]
            made = self._model.generate_batch(left[: self._budget.at_once(len(left))], cancel=cancel)
            for answer in made:
                self._pay(answer.usage if isinstance(answer, Completion | ModelError) else None)
            answers += made
            if stopped_by := next((answer for answer in made if isinstance(answer, STOPS)), None):
                answers += [stopped_by] * (len(requests) - len(answers))
        return answers

    def _pay(self, usage: Usage | None) -> None:
        if usage is not None:
            self._budget.pay_usage(usage)
            self._keep()

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count a prompt's tokens."""
        return self._model.count_tokens(messages)

    def tokenize_pairs(self, pairs: Sequence[tuple[Sequence[Message], str]]) -> list[TokenPair]:
        """Turn prompts and answers into token ids."""
        return self._model.tokenize_pairs(pairs)

    def served_lora(self) -> LoraWeights | None:
        """Return the weights that the backend holds."""
        return self._model.served_lora()

    def close(self) -> None:
        """Free the model."""
        self._model.close()
