"""From messages to token ids, by the model's own chat template.

What users wrote is tokenized separately from the template, with control tokens read as plain text: a cell that
holds `<|im_end|>` cannot end a turn. A model without a template gets a plain `Input: … Answer:` form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import jinja2

from adapters.models.llama_cpp.chat_template import MARK, MARKS, ChatTemplate
from adapters.models.llama_cpp.native import NativeModel
from adapters.models.thinking import with_thinking_closed
from engine.core.errors import ModelError
from engine.core.generation import Message

SENTENCEPIECE = 1
CONTROL = 1 << 0 | 1 << 3
"""llama.cpp's attributes of tokens that it reads in a text only where control tokens may stand: unknown and control."""

PASSES = 3
"""What is left of one control token can be another: `<<s>` becomes `<< s>`."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as the model sees it."""

    tokens: tuple[int, ...]
    text: str
    starts: Mapping[int, int] = field(default_factory=dict)
    """Where the content of each message begins, in tokens; empty where texts are not tokenized separately."""


class PromptFormat:
    """How one model wants its prompts."""

    def __init__(self, model: NativeModel) -> None:
        """Read the template of a loaded model.

        Raises:
            ModelError: the template is broken, or takes too much.
        """
        self._model = model
        self._source = model.chat_template()
        self._template = ChatTemplate(self._source) if self._source else None

    @property
    def answer_lead(self) -> str:
        """The text between the prompt and the answer's first letter."""
        return "" if self._template else " "

    @cached_property
    def end_tokens(self) -> tuple[int, ...]:
        """The token that ends an answer: the template's own, or a line break for models without one."""
        if self._template is None:
            return tuple(self._model.tokenize("\n", special=False, begin=False)[-1:])
        with_answer, _ = self._fill([Message(role="user", content="a"), Message(role="assistant", content="b")], False)
        tail = with_answer.rsplit(MARK.format(1), 1)[-1]
        for token in self._model.tokenize(tail, special=True, begin=False):
            if self._model.ends_turn(token):
                return (token,)
        import llama_cpp

        return (int(llama_cpp.llama_vocab_eos(self._model.vocabulary)),)

    def prompt(self, messages: Sequence[Message], *, open_answer: bool = True) -> Prompt:
        """Turn messages into a prompt; `open_answer` adds the beginning of the assistant's turn."""
        filled, contents = self._fill(messages, open_answer)
        filled = with_thinking_closed(filled) if open_answer else filled
        begin = self._begin_text
        starts_itself = bool(begin) and filled.startswith(begin)
        text = MARKS.sub(lambda match: contents[int(match[1])], filled)
        if self._prefixes_space:
            safe = [self._harmless(content) for content in contents]
            whole = MARKS.sub(lambda match: safe[int(match[1])], filled)
            return Prompt(tuple(self._model.tokenize(whole, special=True, begin=not starts_itself)), text)
        tokens: list[int] = []
        starts: dict[int, int] = {}
        at = 0
        for match in MARKS.finditer(filled):
            tokens += self._fixed(filled[at : match.start()], begin=not starts_itself and not tokens and at == 0)
            starts[int(match[1])] = len(tokens)
            tokens += self._model.tokenize(contents[int(match[1])], special=False, begin=False)
            at = match.end()
        tokens += self._fixed(filled[at:], begin=not starts_itself and at == 0)
        return Prompt(tuple(tokens), text, starts)

    def answer(self, text: str) -> tuple[int, ...]:
        """Turn an answer's text into the token ids that would follow the prompt, without the end."""
        return tuple(self._model.tokenize(self.answer_lead + text, special=False, begin=False))

    def pieces(self, text: str) -> list[str]:
        """Return the texts of an answer's tokens; what is not a whole character is a replacement character."""
        return [self._model.piece(token).decode("utf-8", "replace") for token in self.answer(text)]

    def _fixed(self, text: str, *, begin: bool) -> list[int]:
        return self._model.tokenize(text, special=True, begin=begin) if text or begin else []

    def _fill(self, messages: Sequence[Message], open_answer: bool) -> tuple[str, list[str]]:
        """Fill the template with marks in place of the contents."""
        contents = [message.content for message in messages]
        if self._template is None:
            return _plain(messages, open_answer), contents
        turns = [{"role": message.role, "content": MARK.format(n)} for n, message in enumerate(messages)]
        try:
            return self._render(turns, open_answer), contents
        except jinja2.TemplateError:
            if len(turns) < 2 or turns[0]["role"] != "system":
                raise ModelError("The model's chat template refuses the messages.", "Choose another model.") from None
        merged = [{"role": "user", "content": turns[0]["content"] + "\n\n" + turns[1]["content"]}, *turns[2:]]
        try:
            return self._render(merged, open_answer), contents
        except jinja2.TemplateError as error:
            raise ModelError(f"The model's chat template fails: {error}.", "Choose another model.") from error

    def _render(self, turns: list[dict[str, str]], open_answer: bool) -> str:
        if self._template is None:
            raise ModelError("The model has no chat template.")
        return self._template.fill(
            turns,
            add_generation_prompt=open_answer,
            bos_token=self._begin_text,
            eos_token=self._end_text,
            enable_thinking=False,
        )

    @cached_property
    def _begin_text(self) -> str:
        import llama_cpp

        return self._control_text(int(llama_cpp.llama_vocab_bos(self._model.vocabulary)))

    @cached_property
    def _end_text(self) -> str:
        """What ends a text; templates as Mistral's and Zephyr's write it after each answer that a prompt shows."""
        import llama_cpp

        return self._control_text(int(llama_cpp.llama_vocab_eos(self._model.vocabulary)))

    def _control_text(self, token: int) -> str:
        return self._model.text([token], special=True) if token >= 0 else ""

    @cached_property
    def _prefixes_space(self) -> bool:
        """Whether each text is tokenized as if a space stood before it; pieces would then gain spaces."""
        import llama_cpp

        sentencepiece = int(llama_cpp.llama_vocab_type(self._model.vocabulary)) == SENTENCEPIECE
        return sentencepiece and self._model.metadata("tokenizer.ggml.add_space_prefix") != "false"

    def _harmless(self, text: str) -> str:
        """Break up control tokens in a text that is tokenized together with the template, by a space in each."""
        for _ in range(PASSES):
            text = self._control.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)
        return text

    @cached_property
    def _control(self) -> re.Pattern[str]:
        """Matches every control token of the vocabulary: `[INST]` is one for some models, and text for others."""
        texts = sorted((text for text in self._model.texts_with(CONTROL) if len(text) > 1), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, texts)) or r"(?!)")


def _plain(messages: Sequence[Message], open_answer: bool) -> str:
    lines = []
    for number, message in enumerate(messages):
        mark = MARK.format(number)
        lead = {"system": "", "user": "Input: ", "assistant": "Answer: "}[message.role]
        lines.append(lead + mark + ("\n" if message.role == "user" else "\n\n"))
    return "".join(lines) + ("Answer:" if open_answer else "")
