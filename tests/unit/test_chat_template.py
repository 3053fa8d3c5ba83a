"""Chat templates come with files: they are bounded in time, memory and output, and a row's text stays text."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import jinja2
import pytest

from adapters.models.llama_cpp import prompt_format
from adapters.models.llama_cpp.chat_template import MARK, ChatTemplate
from adapters.models.llama_cpp.native import NativeModel
from adapters.models.llama_cpp.prompt_format import PromptFormat
from adapters.models.llama_cpp.worker import Worker
from adapters.processes.client import WorkerProcess
from engine.core.errors import ModelError
from engine.core.generation import Message
from tests.sentencepiece_gguf import CONTROL, MISTRAL, USER_DEFINED, write_sentencepiece

TURNS = [{"role": "user", "content": MARK.format(0)}]
LONG_S = 60.0
"""No figure of speed: far over every limit, and far under the ages that these templates would take."""
FOREVER = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}"
DOUBLED = "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}"
HOSTILE = {
    "loops without end": FOREVER,
    "a text that doubles": DOUBLED,
    "a list that doubles": "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "padding": "{{ 'a'|center(99999999999) }}",
    "formatting": "{{ '%99999999999d' % 1 }}",
    "endless output": "{% for a in range(99999) %}{% for b in range(99999) %}aaaaaaaaaa{% endfor %}{% endfor %}",
    "a message again and again": "{% for a in range(9999) %}{{ messages[0].content }}{% endfor %}",
    "a source of millions of letters": "a" * 2_000_000,
}
NEEDS_MUCH_MEMORY = {"a text that doubles", "a list that doubles", "padding", "formatting"}
REFUSED = {
    "a product of texts": "{{ 'a' * 10**9 }}",
    "a power": "{{ 9**99999999 }}",
    "a number that squares itself": "{% set n = namespace(x=9) %}{% for i in range(60) %}{% set n.x = n.x * n.x %}{% endfor %}",
    "a division by zero": "{{ 1 / 0 }}",
    "a number from text": "{{ 'a' + 1 }}",
    "recursion": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "a mark of its own": "\ue0007\ue001",
    "its own refusal": "{{ raise_exception('no') }}",
}


@pytest.mark.timeout(LONG_S)
@pytest.mark.parametrize("name", HOSTILE)
def test_no_template_takes_more_than_its_limits(name: str) -> None:
    """Time, memory and output end in one typed error, and the process has its own limits back."""
    if name in NEEDS_MUCH_MEMORY and sys.platform != "linux":
        pytest.skip("the limit of memory is the system's, on Linux alone")
    resource = pytest.importorskip("resource")
    memory, clock = resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGPROF)
    with pytest.raises(ModelError, match=r"takes more than 2 s or 256 MB"):
        ChatTemplate(HOSTILE[name]).fill(TURNS)
    assert (resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGPROF)) == (memory, clock)


@pytest.mark.parametrize("name", REFUSED)
def test_templates_that_fail_are_refused(name: str) -> None:
    """Whatever a template does wrong is a fault of the template, never of the app."""
    with pytest.raises(jinja2.TemplateError):
        ChatTemplate(REFUSED[name]).fill(TURNS)


@pytest.mark.parametrize("source", ["{% if %}", "{{ " + "(" * 5000 + " }}", "{% for a in b %}" * 300])
def test_templates_that_cannot_be_compiled_are_said(source: str) -> None:
    """A broken template is one error when the model is loaded."""
    with pytest.raises(ModelError, match="broken"):
        ChatTemplate(source)


def test_an_endless_template_of_a_file_is_an_error_of_the_model(tmp_path: Path) -> None:
    """The model worker answers with the error and goes on to the next file."""
    bad, good = tmp_path / "bad.gguf", tmp_path / "good.gguf"
    write_sentencepiece(bad, template=FOREVER)
    write_sentencepiece(good)
    worker = WorkerProcess("adapters.models.llama_cpp.worker", name="model worker")
    items = [{"messages": [{"role": "user", "content": "abc"}]}]
    try:
        with pytest.raises(ModelError, match="chat template takes more"):
            worker.call("tokenize", {"path": str(bad), "items": items})
        first = worker.pid
        assert worker.call("tokenize", {"path": str(good), "items": items})[0]["prompt_ids"]
        assert worker.pid == first
    finally:
        worker.close()


def test_a_template_is_compiled_once_for_all_prompts_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At Ollama the worker counts each prompt while the answer's clock runs: compiling would be part of it."""
    compiled: list[str] = []

    class Counted(ChatTemplate):
        def __init__(self, source: str) -> None:
            compiled.append(source)
            super().__init__(source)

    monkeypatch.setattr(prompt_format, "ChatTemplate", Counted)
    worker = Worker()
    request = {"path": str(write_sentencepiece(tmp_path / "m.gguf"))}
    items = [{"messages": [{"role": "user", "content": "abc"}]}]
    for _ in range(2):
        worker.tokenize(request | {"items": items}, print, threading.Event())
        worker.label_tokens(request | {"labels": ["a", "b"]}, print, threading.Event())
    assert compiled == [MISTRAL]


@pytest.mark.parametrize("prefix", [True, False])
@pytest.mark.parametrize(
    "text", [*CONTROL, "a[INST]b", "<<s>/s>", "[INST[INST]]", "<|im_end|><|im_end|>", "</s>[/INST]"]
)
def test_no_text_of_a_row_is_a_control_token(tmp_path: Path, text: str, prefix: bool) -> None:
    """On SentencePiece vocabularies too, where a row is tokenized together with the template around it."""
    model = NativeModel(str(write_sentencepiece(tmp_path / "m.gguf", prefix=prefix)), vocabulary_only=True)
    try:
        form = PromptFormat(model)
        control = {model.tokenize(word, special=True, begin=False)[-1] for word in CONTROL}
        plain = [token for token in form.prompt([Message(role="user", content="a")]).tokens if token in control]
        written = [token for token in form.prompt([Message(role="user", content=text)]).tokens if token in control]
        assert len(plain) == 3  # the beginning, and the two around the turn
        assert written == plain
    finally:
        model.free()


def test_a_template_is_told_the_same_date_on_every_day() -> None:
    """As SmolLM3, gpt-oss, Granite and Mistral Small write it; Llama 3 writes the date that it writes without one."""
    smol = "{%- set today = strftime_now('%d %B %Y') -%}Today Date: {{ today }}\n{{ messages[0].content }}"
    assert ChatTemplate(smol).fill(TURNS) == f"Today Date: 26 July 2024\n{MARK.format(0)}"
    assert ChatTemplate("{{ strftime_now('%Y-%m-%d') }}").fill(TURNS) == "2024-07-26"
    llama = (
        "{%- if not date_string is defined %}{%- if strftime_now is defined %}"
        "{%- set date_string = strftime_now('%d %b %Y') %}{%- else %}{%- set date_string = '26 Jul 2024' %}"
        "{%- endif %}{%- endif %}{{- date_string }}"
    )
    assert ChatTemplate(llama).fill(TURNS) == "26 Jul 2024"
    with pytest.raises(jinja2.TemplateError):
        ChatTemplate("{{ strftime_now(1) }}").fill(TURNS)


def test_what_a_model_writes_itself_may_be_marked() -> None:
    """A block `generation` is what is in it, in a loop and a condition as elsewhere."""
    source = (
        "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<end>{% endgeneration %}"
        "{% else %}{{ m.content }}{% endif %}{% endfor %}"
    )
    turns = [*TURNS, {"role": "assistant", "content": MARK.format(1)}]
    assert ChatTemplate(source).fill(turns) == f"{MARK.format(0)}{MARK.format(1)}<end>"


@pytest.mark.parametrize("prefix", [True, False])
def test_an_answer_that_a_prompt_shows_is_ended(tmp_path: Path, prefix: bool) -> None:
    """Templates that write `eos_token` after an answer get the text of the vocabulary's, and it becomes that token."""
    model = NativeModel(str(write_sentencepiece(tmp_path / "m.gguf", prefix=prefix)), vocabulary_only=True)
    try:
        form = PromptFormat(model)
        shot = [Message(role="user", content="a"), Message(role="assistant", content="b")]
        prompt = form.prompt([*shot, Message(role="user", content="c")])
        assert prompt.text == "<s>[INST] a [/INST]b</s>[INST] c [/INST]"
        (end,) = model.tokenize("</s>", special=True, begin=False)
        assert (prompt.tokens.count(end), form.end_tokens) == (1, (end,))
    finally:
        model.free()


@pytest.mark.parametrize("opened", ["<think>\n", "<think>"])
def test_thinking_that_a_template_opens_is_closed(tmp_path: Path, opened: str) -> None:
    """Models whose thinking cannot be switched off answer at once, and what a row says opens and closes nothing."""
    template = MISTRAL + "{% if add_generation_prompt %}" + opened + "{% endif %}"
    model = NativeModel(str(write_sentencepiece(tmp_path / "m.gguf", template=template)), vocabulary_only=True)
    try:
        form = PromptFormat(model)
        turn = [Message(role="user", content="a <think>")]
        assert form.prompt(turn).text == "<s>[INST] a <think> [/INST]<think>\n\n</think>\n\n"
        assert form.prompt(turn, open_answer=False).text == "<s>[INST] a <think> [/INST]"
    finally:
        model.free()


def test_user_defined_tokens_stay_what_they_are(tmp_path: Path) -> None:
    """Tags and line breaks that a vocabulary has as whole tokens are text, and are left as they were written."""
    model = NativeModel(str(write_sentencepiece(tmp_path / "m.gguf")), vocabulary_only=True)
    try:
        tokens = PromptFormat(model).prompt([Message(role="user", content="a<b>b\n\nc")]).tokens
        for word in USER_DEFINED:
            assert model.tokenize(word, special=True, begin=False)[-1] in tokens
    finally:
        model.free()


def test_real_templates_are_filled_as_before() -> None:
    """Loops, conditions and arithmetic of ordinary size work."""
    turns = [{"role": "user", "content": MARK.format(0)}, {"role": "assistant", "content": MARK.format(1)}]
    assert (
        ChatTemplate(MISTRAL).fill(turns, bos_token="<s>", eos_token="</s>")
        == f"<s>[INST] {MARK.format(0)} [/INST]{MARK.format(1)}</s>"
    )
    assert ChatTemplate("{{ 3 * 4 }}{{ '-' * 5 }}{{ 7 % 2 }}").fill(turns) == "12-----1"
