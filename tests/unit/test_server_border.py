"""What a server sends becomes a clean value or an error that says what is wrong; and old stores are read with marks."""

from __future__ import annotations

import base64
import json
import sqlite3
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models.remote.border import Pieces, UnreadableError, events, lines, read_value, steps_of
from adapters.models.remote.bounds import ANSWER_S, FIRST_FACTOR, SECONDS_VARIABLE, Patience, seconds_per_answer
from adapters.models.remote.keys import Key
from adapters.models.remote.reading import cancellable_call
from adapters.storage.run_store import SqliteRunStore
from adapters.storage.table_keeper import TableKeeper
from engine.core.errors import SlowAnswerError, UsageError
from engine.core.generation import Completion
from engine.core.run.failed_rows import none_answered
from engine.core.run.manifest import Manifest
from engine.core.run.plan import RunPlan
from engine.core.run.prediction import Failure, FailureKind, Prediction, Timing, Usage
from engine.core.techniques import Technique
from engine.core.variant import Variant

KEY = Key("PLANTED/9aF+3zQ.7mX")
NONE = Key("")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def is_clean(value: object) -> bool:
    """Tell whether a value can be stored, summed and written as text."""
    if isinstance(value, dict):
        return all(map(is_clean, value)) and all(map(is_clean, value.values()))
    if isinstance(value, list):
        return all(map(is_clean, value))
    if isinstance(value, str):
        return value == value.encode("utf-8", "replace").decode()
    return not isinstance(value, int | float) or abs(value) < 1e309


@given(JSON)
def test_any_json_becomes_a_clean_value(value: object) -> None:
    """Whatever is in a JSON text, numbers are finite and texts are whole letters."""
    assert is_clean(read_value(json.dumps(value), NONE))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_clean_value_or_unreadable(data: bytes) -> None:
    """Bytes that are no JSON end in one kind of error."""
    try:
        assert is_clean(read_value(data, NONE))
    except UnreadableError as error:
        assert str(error)


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 70 + "]" * 70, '{"a":' * 100_000, "not json", "", "[1,]"])
def test_what_is_no_json_of_a_bounded_depth_is_unreadable(text: str) -> None:
    """Deep nesting costs an error and no traceback."""
    with pytest.raises(UnreadableError):
        read_value(text, NONE)


@given(st.lists(st.integers(1, 30)), st.text(max_size=12), st.text(max_size=12))
def test_a_key_is_cut_out_however_it_is_split(sizes: list[int], before: str, after: str) -> None:
    """A key within a text never comes through, in one piece or in many, and all other letters do."""
    key = KEY.reveal()
    for form in (key, base64.b64encode(key.encode()).decode(), key.encode().hex()):
        text, place, shown = before + form + after, 0, ""
        cleaning = Pieces(KEY)
        for size in [*sizes, len(text)]:
            shown += cleaning.take(text[place : place + size])
            place += size
        assert shown + cleaning.rest() == KEY.cut(text)
        assert form not in KEY.cut(text)


def test_a_letter_in_two_pieces_is_joined_and_half_of_one_replaced() -> None:
    """A surrogate pair over two pieces is its letter; a lone one is U+FFFD."""
    cleaning = Pieces(NONE)
    assert cleaning.take("a\ud83d") + cleaning.take("\ude00b\ud83d") + cleaning.rest() == "a\U0001f600b\ufffd"


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r\n", "\u2028".encode(), b"data: x", b": c", b"data: [DONE]"])))
def test_lines_are_the_same_however_they_are_cut(parts: list[bytes]) -> None:
    """Lines end at line breaks alone, wherever chunks begin; events are never more than lines."""
    data = b"".join(parts)
    whole = list(lines([data]))
    assert whole == list(lines([data[place : place + 1] for place in range(len(data))]))
    assert len(list(events([data]))) <= len(whole)


def test_log_probabilities_that_cannot_be_are_not_listed() -> None:
    """A log-probability of 1000 takes no exponential; null, JSON's minus infinity, is one."""
    assert steps_of([{"token": "a", "logprob": 1000}]) == []
    assert steps_of([{"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "b", "logprob": "x"}]}]) == []
    assert steps_of([{"token": "a", "logprob": None}])[0].logprob == float("-inf")


def test_an_answer_has_120_s_or_ten_times_what_the_first_one_predicts() -> None:
    """The first answer sets the pace: a slow model gets more time for a long answer, a fast one no less than 120 s."""

    def answer(ttft_s: float, tokens: int) -> Completion:
        return Completion(text="", usage=Usage(completion_tokens=tokens), prefill_s=0, decode_s=0, ttft_s=ttft_s)

    fast, slow = Patience(), Patience()
    assert fast.limit_s(64) == ANSWER_S * FIRST_FACTOR
    for patience, first in ((fast, answer(0.1, 4)), (slow, answer(30.0, 4))):
        assert list(patience.answers(lambda _until, first=first: iter([first]), max_tokens=64)) == [first]
    assert fast.limit_s(64) == ANSWER_S
    assert slow.limit_s(64) == pytest.approx(300.0, abs=1.0)
    assert slow.limit_s(64, at_once=4) == pytest.approx(1200.0, abs=4.0)


def test_the_seconds_of_an_answer_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting is read, and one that is no number of seconds says so."""
    monkeypatch.setenv(SECONDS_VARIABLE, "600")
    assert seconds_per_answer() == 600
    for text in ("soon", "nan", "-1", "1e9"):
        monkeypatch.setenv(SECONDS_VARIABLE, text)
        with pytest.raises(UsageError, match=SECONDS_VARIABLE):
            seconds_per_answer()


def test_a_question_ends_when_its_time_is_over() -> None:
    """Who asks is told in time, though the server is still silent."""
    with pytest.raises(SlowAnswerError, match="time was over"):
        cancellable_call(lambda: time.sleep(2), cancel=None, server="box", until=time.monotonic() + 0.05)


def test_a_run_of_failures_alone_is_no_success() -> None:
    """Where no row has an answer, what failed and what to do is said; an answer that was not understood is one."""
    broken = Failure(kind=FailureKind.BACKEND, message="The server broke off.", passing=True)
    unread = Failure(kind=FailureKind.UNPARSED, message="No label.")
    what, fix = none_answered({("a", "1"): broken, ("a", "2"): broken}) or ("", "")
    assert "broke off" in what
    assert "Resume" in fix
    assert none_answered({("a", "1"): broken, ("a", "2"): unread}) is None
    assert none_answered({("a", "1"): broken, ("a", "2"): None}) is None
    assert none_answered({}) is None


def test_an_old_store_with_odd_values_is_read_and_they_are_marked(tmp_path: Path) -> None:
    """Counts and seconds that cannot be, NaN and half letters make no run unreadable, whatever else is in it."""
    odd = {
        "negative": asdict(_made("negative", Usage(prompt_tokens=-5, completion_tokens=3))),
        "huge": asdict(_made("huge", Usage(prompt_tokens=10**30, completion_tokens=10**30))),
        "letter": {**asdict(_made("letter", Usage(prompt_tokens=7))), "text": "x\ud83dy"},
        "right": asdict(_made("right", Usage(prompt_tokens=7))),
    }
    for name, more in (("first", {}), ("second", {"nan": asdict(_made("nan", Usage(), total_s=float("nan")))})):
        store = SqliteRunStore(tmp_path / f"{name}.sqlite3")
        plan = RunPlan(
            run_id="r", task_id="t", model_id="m", train_ids=(), test_ids=(*odd, *more),
            variants=(Variant(id="v", technique=Technique.ZERO_SHOT),),
        )  # fmt: skip
        store.create_run(Manifest(plan=plan))
        with sqlite3.connect(tmp_path / f"{name}.sqlite3") as connection:
            for row, record in (odd | more).items():
                connection.execute(
                    "INSERT INTO predictions (run_id, variant_id, example_id, record) VALUES ('r', 'v', ?, ?)",
                    (row, json.dumps(record)),
                )
        read = {made.example_id: made for made in store.predictions("r")}
        estimated = {row: made.usage.estimated for row, made in read.items()}
        assert estimated == {"negative": True, "huge": True, "letter": False, "right": False} | dict.fromkeys(
            more, False
        )
        assert (read["negative"].usage.prompt_tokens, read["negative"].usage.completion_tokens) == (0, 3)
        read["letter"].text.encode()
        table = TableKeeper(store, tmp_path / "tables").table("r")
        assert table.tokens["prompt_tokens"][0][:4].tolist() == [0, 0, 7, 7]
        assert table.tokens_estimated[0][:4].tolist() == [True, True, False, False]
        assert all((made.timing.total_s or 0) >= 0 for made in read.values())


def _made(row: str, usage: Usage, total_s: float = 1.0) -> Prediction:
    return Prediction(
        run_id="r", variant_id="v", technique="zero-shot", example_id=row, target="a", answer="a", score=1.0, usage=usage,
        timing=Timing(total_s=total_s),
    )  # fmt: skip
