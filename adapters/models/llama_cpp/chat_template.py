"""A model's chat template, run in a sandbox and under limits: it is a program that came with a file.

A template sees marks in place of what users wrote. It gets two seconds of processor time and, on Linux, 256 MB; a call
into C that would not come back ends the worker, which the caller learns as it learns of a crash.
"""

from __future__ import annotations

import contextlib
import faulthandler
import re
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from types import FrameType
from typing import Any

import jinja2
import psutil
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.core.errors import ModelError

MARK = "\ue000{}\ue001"
"""What stands for the content of a message, by its number."""
MARKS = re.compile("\ue000(\\d{1,6})\ue001")
RENDER_S = 2.0
RENDER_BYTES = 256_000_000
HANGS_S = 30.0
MAX_SOURCE_CHARACTERS = 1_000_000
MAX_CHARACTERS = 1_000_000
"""Of a filled template, without what users wrote. Real ones write some hundred."""
MAX_NUMBER = 10**15
MAX_REPEATS = 4
"""How often a template may write the same message."""
TODAY = date(2024, 7, 26)
"""What templates that write today's date are told, always: prompts, and weights that were trained on them, stay the
same from one day to the next. Llama 3.1's template writes this date where nothing tells it one."""
_BROKEN = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, without arithmetic that makes much out of little in one step."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Multiply numbers of ordinary size, and texts and lists to ordinary length."""
        numbers = [isinstance(part, int | float) for part in (left, right)]
        sizes = [abs(part) if number else len(part) for part, number in zip((left, right), numbers, strict=True)]
        if operator == "**" or sizes[0] * sizes[1] > (MAX_NUMBER if all(numbers) else MAX_CHARACTERS):
            raise jinja2.TemplateError(f"'{operator}' would make something very large")
        return super().call_binop(context, operator, left, right)


class _Generation(Extension):
    """Passes `{% generation %}` through, by which templates mark what a model writes itself.

    Source: *Chat templates* of https://huggingface.co/docs/transformers, `return_assistant_tokens_mask`.
    """

    tags = {"generation"}  # noqa: RUF012 - as Jinja declares it

    def parse(self, parser: Parser) -> list[Node]:
        """Return what is inside the block, in its place."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class ChatTemplate:
    """A compiled template."""

    def __init__(self, source: str) -> None:
        """Compile a template.

        Raises:
            ModelError: it is broken, or takes too much.
        """
        if len(source) > MAX_SOURCE_CHARACTERS:
            raise _too_much()
        environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation])
        environment.globals |= {"raise_exception": _refuse, "strftime_now": TODAY.strftime}
        try:
            with _limits():
                self._template = environment.from_string(source)
        except (jinja2.TemplateError, *_BROKEN) as error:
            raise ModelError(f"The model's chat template is broken: {error}.", "Choose another model.") from error

    def fill(self, turns: Sequence[Mapping[str, str]], **names: object) -> str:
        """Render turns, whose contents are marks, into one text.

        Raises:
            jinja2.TemplateError: the template refuses these turns, or fails.
            ModelError: it takes too much time or memory, or writes too much.
        """
        try:
            with _limits():
                return self._written(turns, names)
        except _BROKEN as error:
            raise jinja2.TemplateError(f"{type(error).__name__}: {error}") from error

    def _written(self, turns: Sequence[Mapping[str, str]], names: Mapping[str, object]) -> str:
        parts, length = [], 0
        for part in self._template.generate(messages=list(turns), **names):
            parts.append(part)
            length += len(part)
            if length > MAX_CHARACTERS:
                raise _too_much()
        text = "".join(parts)
        given = set(MARKS.findall("".join(turn["content"] for turn in turns)))
        written = MARKS.findall(text)
        if not given.issuperset(written):
            raise jinja2.TemplateError("it writes a message that it was not given")
        if len(written) > MAX_REPEATS * len(given):
            raise _too_much()
        return text


@contextlib.contextmanager
def _limits() -> Iterator[None]:
    """Run what is inside under the limits of time and memory.

    Raises:
        ModelError: it took more.
    """
    faulthandler.dump_traceback_later(HANGS_S, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        with _limit_of_memory(), _limit_of_time():
            yield
    except (MemoryError, TimeoutError):
        raise _too_much() from None
    finally:
        faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def _limit_of_memory() -> Iterator[None]:
    if sys.platform != "linux":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = psutil.Process().memory_info().vms + RENDER_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextlib.contextmanager
def _limit_of_time() -> Iterator[None]:
    """Raise `TimeoutError` inside after so much processor time; where there is no such clock, the last limit holds."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    running = True

    def stop(_number: int, _frame: FrameType | None) -> None:
        if running:
            raise TimeoutError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, RENDER_S)
    try:
        yield
    finally:
        running = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _too_much() -> ModelError:
    return ModelError(
        f"The model's chat template takes more than {RENDER_S:g} s or {RENDER_BYTES / 1e6:.0f} MB, or writes more than "
        f"{MAX_CHARACTERS:,} characters.",
        "Choose another model.",
    )


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)
