"""What a check of a model finds: each ability by what came back, never by what is believed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from adapters.models.scripted import ScriptedModel
from engine.core.capabilities import Capabilities, Support
from engine.core.errors import ServerAbsentError, UnsupportedError
from engine.core.generation import Completion, GenerateRequest, TextPiece
from engine.core.steps import drain
from engine.core.variant import DecodingMode
from engine.services.measuring.model_check import CheckedModel, check


class OneThatCannot(ScriptedModel):
    """Answers in one piece, without probabilities or timings, keeps the last prompt alone, and knows no schema."""

    def __init__(self) -> None:
        """Begin without having read anything."""
        super().__init__()
        self.read: str = ""
        self.gone = False

    @property
    def capabilities(self) -> Capabilities:
        """What it is believed to do."""
        return replace(super().capabilities, lora_serving=Support.NO, reasons={"lora_serving": "It takes none."})

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer worse than the scripted model."""
        if self.gone:
            raise ServerAbsentError("No server answers.", "Start it.")
        if request.decoding.mode is DecodingMode.JSON:
            raise UnsupportedError("It follows no schemas.", "Use another one.")
        pieces = list(super().generate(request, cancel=cancel))
        (done,) = [piece for piece in pieces if isinstance(piece, Completion)]
        system = request.messages[0].content
        seconds = 0.01 if system == self.read else 1.0
        self.read = system
        yield TextPiece(text=done.text)
        usage = replace(done.usage, cached_prompt_tokens=0)
        yield replace(done, probabilities={}, prefill_s=0.0, ttft_s=seconds, usage=usage)

    def generate_batch(
        self, requests: Sequence[GenerateRequest], *, cancel: Any = None
    ) -> list[Completion | Exception]:
        """Answer one after the other, slowly."""
        threading.Event().wait(0.05)
        return super().generate_batch(requests, cancel=cancel)


def found(model: ScriptedModel) -> dict[str, tuple[Support, str]]:
    """Check a model; return what was found by ability."""
    checked: CheckedModel = drain(check(model, threading.Event()))
    return {one.what: (one.works, one.words) for one in checked.findings}


def test_what_works_is_seen() -> None:
    """The scripted model streams, chooses with all probabilities, and follows a schema as far as it can."""
    seen = found(ScriptedModel())
    assert seen["Streams"][0] is Support.YES
    assert seen["Chooses a label"][0] is Support.YES
    works, words = seen["Probabilities of labels"]
    assert works is Support.YES
    assert words == "whole: 3 of 3 labels, together 100 %"
    assert len(seen) == 8


def test_what_does_not_work_is_seen() -> None:
    """One piece is no stream, no probability is told, a refused schema is a finding with its words."""
    seen = found(OneThatCannot())
    assert seen["Streams"][0] is Support.NO
    assert seen["Probabilities of labels"] == (Support.NO, "none reported")
    assert seen["JSON under a schema"] == (Support.NO, "It follows no schemas.")
    assert seen["LoRA weights"] == (Support.NO, "It takes none.")
    assert seen["Several rows at once"][0] is Support.DEPENDS
    assert seen["Keeps prompts"] == (Support.DEPENDS, "the last one alone: read again in 1 % of the time")
    assert seen["Its own timings"][0] is Support.NO


class OneAtATime(ScriptedModel):
    """Answers one request at a time, whatever it is asked."""

    @property
    def capabilities(self) -> Capabilities:
        """What it says of itself."""
        return replace(super().capabilities, batching=Support.NO, reasons={"batching": "It takes one at a time."})


def test_rows_at_once_are_not_timed_where_they_would_be_asked_one_by_one() -> None:
    """Four rows in turns may take less than four times the first one; that tells nothing of rows at once."""
    assert found(OneAtATime())["Several rows at once"] == (Support.NO, "It takes one at a time.")


def test_a_server_that_is_gone_ends_the_check() -> None:
    """Nothing is found out about a server that does not answer."""
    model = OneThatCannot()
    model.gone = True
    with pytest.raises(ServerAbsentError):
        found(model)


class OneThatTells(ScriptedModel):
    """Says how much of a prompt it had cached, of every variant, and takes as long each time."""

    def __init__(self) -> None:
        """Begin without having read anything."""
        super().__init__()
        self.read: set[str] = set()

    def generate(self, request: GenerateRequest, *, cancel: Any = None) -> Iterator[TextPiece | Completion]:
        """Answer in a second, whatever was kept."""
        system = request.messages[0].content
        kept = system in self.read
        self.read.add(system)
        for piece in super().generate(request, cancel=cancel):
            if isinstance(piece, Completion):
                usage = replace(piece.usage, prompt_tokens=500, cached_prompt_tokens=480 if kept else 10)
                yield replace(piece, prefill_s=1.0, ttft_s=1.0, usage=usage)
            else:
                yield piece


def test_a_server_that_tells_what_it_cached_is_taken_at_its_word() -> None:
    """Seconds on a busy machine say little; the tokens that a server had cached say it all."""
    assert found(OneThatTells())["Keeps prompts"] == (Support.YES, "of two variants: 96 % of the tokens were cached")
