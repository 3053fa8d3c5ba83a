"""The exceptions a user can see. Each says what happened, with the value, and how to fix it.

AdaptLabError
├── UsageError                 wrong name, option or combination
├── TaskError                  a task folder that cannot be read as asked
│   └── TableError             a table that cannot be read as asked; says the line where there is one
├── ModelError
│   ├── ModelFileError         not a whole, supported GGUF file
│   ├── ContextOverflowError   prompt and answer exceed the context
│   ├── UnparsedAnswerError    the model answered, and no answer could be read from it
│   ├── UnsupportedError       this backend cannot do what was asked
│   │   └── RefusedOptionError a server does not take one option of a request
│   └── ServerError            a server that holds models
│       ├── ServerAbsentError  nothing answers there, or not in time
│       ├── ServerBusyError    it is running and has no capacity now
│       ├── AccessError        it requires another key, or none was given
│       ├── UnknownModelError  it does not have this model
│       ├── BrokenAnswerError  what it sent is truncated or not in the expected form
│       │   └── SlowAnswerError it was silent for too long, or not done when its time was over
│       └── RefusedAnswerError the model refused to answer, or a filter withheld the answer
├── WorkerError
│   ├── WorkerDiedError        a worker process ended during a request
│   └── LimitExceededError     a request took more time or memory than it may, and its worker was ended
├── RetrievalError
├── TrainingError
│   ├── UntrainableError       architecture or file that cannot be trained here
│   ├── NotEnoughMemoryError   the estimate exceeds what is free
│   └── CanaryError            LoRA weights that do not belong to, or do not change, this base
├── StoreError
│   └── DiskFullError
├── SpendingLimitError         the run has reached the user's spending limit
└── CancelledError             the user stopped it; what was done is kept
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from engine.core.text.safe_text import one_line

if TYPE_CHECKING:
    from engine.core.run.prediction import Usage


class AdaptLabError(Exception):
    """Base of all errors shown to users: `what` happened and the `fix`, each in one line, whatever values they name."""

    def __init__(self, what: str, fix: str = "") -> None:
        """Say what happened and how to fix it."""
        self.what, self.fix = one_line(what), one_line(fix)
        super().__init__(f"{self.what} {self.fix}".rstrip())


class UsageError(AdaptLabError):
    """A wrong name, option or combination of options."""


class TaskError(AdaptLabError):
    """A task folder that cannot be read as asked."""


class TableError(TaskError):
    """A table that cannot be read as asked; says the line where there is one."""


class ModelError(AdaptLabError):
    """A model that cannot be found, loaded or used as asked."""

    usage: Usage | None = None
    """Tokens that the failed answer took all the same, where they are paid for."""


class ModelFileError(ModelError):
    """Not a whole, supported GGUF file."""


class ContextOverflowError(ModelError):
    """Prompt and answer together exceed the model's context."""


class UnparsedAnswerError(ModelError):
    """The model answered, but no answer of the task's kind could be read from the text."""


class UnsupportedError(ModelError):
    """The backend cannot do what was asked."""


class RefusedOptionError(UnsupportedError):
    """A server does not take one option of a request; the answer may be had without it."""

    def __init__(self, what: str, fix: str = "", option: str = "") -> None:
        """Say what happened and how to fix it, and name the option."""
        super().__init__(what, fix)
        self.option = option


class ServerError(ModelError):
    """A server that holds models failed, or answered with an error."""


class ServerAbsentError(ServerError):
    """Nothing answers at the server's address, or not in time."""


class ServerBusyError(ServerError):
    """The server is running and has no capacity for the request now."""

    def __init__(self, what: str, fix: str = "", retry_after_s: float | None = None) -> None:
        """Say what happened, how to fix it, and when to ask the server again, if it gave a time."""
        super().__init__(what, fix)
        self.retry_after_s = retry_after_s


class AccessError(ServerError):
    """The server refuses the key, or requires one."""


class UnknownModelError(ServerError):
    """The server does not have the model."""


class BrokenAnswerError(ServerError):
    """What the server sent is truncated, or not in the expected form."""


class SlowAnswerError(BrokenAnswerError):
    """The server was silent for too long, or had not finished when its time was over."""


class RefusedAnswerError(ServerError):
    """The model refused to answer, or a filter of its server withheld the answer: asking again changes nothing."""


class WorkerError(AdaptLabError):
    """A worker process reported an error of its own."""


class WorkerDiedError(WorkerError):
    """A worker process ended during a request."""

    def __init__(self, what: str, fix: str = "", reason: str = "") -> None:
        """Say what happened and how to fix it; `reason` is the signal or exit code, in words."""
        super().__init__(what, fix)
        self.reason = reason


class LimitExceededError(WorkerError):
    """A request took more time or memory than it may, and its worker was ended."""

    def __init__(self, what: str, fix: str = "", *, of_memory: bool = False) -> None:
        """Say what happened and how to fix it, and whether it was memory rather than time."""
        super().__init__(what, fix)
        self.of_memory = of_memory


class RetrievalError(AdaptLabError):
    """An index that cannot be built or searched."""


class TrainingError(AdaptLabError):
    """LoRA weights that cannot be trained, written or used."""


class UntrainableError(TrainingError):
    """An architecture or file that cannot be trained here."""


class NotEnoughMemoryError(TrainingError):
    """The memory estimate exceeds what is free."""


class CanaryError(TrainingError):
    """LoRA weights that do not belong to this base, or do not change its output."""


class StoreError(AdaptLabError):
    """The run store cannot be read or written."""


class DiskFullError(StoreError):
    """No space is left on the disk that holds the runs."""


class SpendingLimitError(AdaptLabError):
    """The run has reached the user's spending limit; what was done is kept."""


class CancelledError(AdaptLabError):
    """The user stopped it; what was done is kept."""


def machine_taken() -> UsageError:
    """Build the error for work that cannot wait."""
    return UsageError(
        "A run or a training job is in progress, and other work would distort its measurements.",
        "Wait until it ends, or stop it; then try again.",
    )


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Build the error for an unknown `kind` of thing called `name`, offering the nearest known names."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return UsageError(f"Unknown {kind} '{name}'.", f"Did you mean {' or '.join(near)}?")
    return UsageError(f"Unknown {kind} '{name}'.", f"Known: {', '.join(names) or 'none'}.")


_BY_NAME: dict[str, type[AdaptLabError]] = {}


def error_from_name(name: str, what: str, fix: str = "") -> AdaptLabError:
    """Rebuild an error that crossed a process boundary as its class name and texts.

    An unknown name becomes a `WorkerError`, so that outside input cannot pick an arbitrary class.
    """
    if not _BY_NAME:
        waiting = [AdaptLabError]
        while waiting:
            error = waiting.pop()
            _BY_NAME[error.__name__] = error
            waiting.extend(error.__subclasses__())
    return _BY_NAME.get(name, WorkerError)(what, fix)
