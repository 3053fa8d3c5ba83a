"""The exceptions a user can meet. Each says what happened, with the value, and how to mend it.

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
│       ├── ServerBusyError    it is there and has no room now
│       ├── AccessError        it wants another key, or none was given
│       ├── UnknownModelError  it does not hold this model
│       └── BrokenAnswerError  what it sent is cut short or not what was agreed
├── WorkerError
│   └── WorkerDiedError        a worker process ended in mid-request
├── RetrievalError
├── TrainingError
│   ├── UntrainableError       architecture or file that cannot be trained here
│   ├── NotEnoughMemoryError   the estimate exceeds what is free
│   └── CanaryError            LoRA weights that do not belong to, or do not change, this base
├── StoreError
│   └── DiskFullError
├── SpendingLimitError         the run has cost what the user allowed
└── CancelledError             the user stopped it; what was done is kept
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AdaptLabError(Exception):
    """Base of all errors shown to users: `what` happened and the `mend`."""

    def __init__(self, what: str, mend: str = "") -> None:
        """Say what happened and how to mend it."""
        super().__init__(what if not mend else f"{what} {mend}")
        self.what = what
        self.mend = mend


class UsageError(AdaptLabError):
    """A wrong name, option or combination of options."""


class TaskError(AdaptLabError):
    """A task folder that cannot be read as asked."""


class TableError(TaskError):
    """A table that cannot be read as asked; says the line where there is one."""


class ModelError(AdaptLabError):
    """A model that cannot be found, loaded or used as asked."""


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

    def __init__(self, what: str, mend: str = "", option: str = "") -> None:
        """Say what happened and how to mend it, and name the option."""
        super().__init__(what, mend)
        self.option = option


class ServerError(ModelError):
    """A server that holds models failed, or answered with an error."""


class ServerAbsentError(ServerError):
    """Nothing answers at the server's address, or not in time."""


class ServerBusyError(ServerError):
    """The server is there and has no room for the request now."""

    def __init__(self, what: str, mend: str = "", retry_after_s: float | None = None) -> None:
        """Say what happened, how to mend it, and when the server wants to be asked again, if it said so."""
        super().__init__(what, mend)
        self.retry_after_s = retry_after_s


class AccessError(ServerError):
    """The server refuses the key, or wants one."""


class UnknownModelError(ServerError):
    """The server does not hold the model."""


class BrokenAnswerError(ServerError):
    """What the server sent is cut short, or not in the form that was agreed."""


class WorkerError(AdaptLabError):
    """A worker process that reported a fault of its own."""


class WorkerDiedError(WorkerError):
    """A worker process ended in mid-request."""


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
    """The run has cost what the user allowed; what was done is kept."""


class CancelledError(AdaptLabError):
    """The user stopped it; what was done is kept."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Build the error for an unknown `kind` of thing called `name`, offering the nearest known names."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return UsageError(f"Unknown {kind} '{name}'.", f"Did you mean {' or '.join(near)}?")
    return UsageError(f"Unknown {kind} '{name}'.", f"Known: {', '.join(names) or 'none'}.")


_BY_NAME: dict[str, type[AdaptLabError]] = {}


def error_from_name(name: str, what: str, mend: str = "") -> AdaptLabError:
    """Rebuild an error that crossed a process boundary as its class name and texts.

    An unknown name becomes a `WorkerError`, so that nothing from outside picks a class freely.
    """
    if not _BY_NAME:
        waiting = [AdaptLabError]
        while waiting:
            error = waiting.pop()
            _BY_NAME[error.__name__] = error
            waiting.extend(error.__subclasses__())
    return _BY_NAME.get(name, WorkerError)(what, mend)
