"""Words that stand for labels in prompts, and the sentences around rows in other languages than English."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from adapters.storage.task_folder import read_task, write_task
from adapters.storage.task_zip import pack_folder, unpack_into
from engine.core.errors import TaskError, UsageError
from engine.core.generation import Completion
from engine.core.run.prediction import Passage, Usage
from engine.core.task import AnswerKind, AnswerSpec, Example, Task, task_digest
from engine.core.text.label_words import read_label_words, with_label_words
from engine.core.text.languages import NAMES, tell_languages
from engine.core.text.prompt_template import ENGLISH, PLACEHOLDERS, TEMPLATES, PromptTemplate
from engine.core.variant import DecodingMode, DecodingSpec, LabelWords, PromptForm, PromptSpec
from engine.ingest.data_card import ColumnLanguages
from engine.ingest.drafting import draft_instructions, instruction_note, instruction_template
from engine.metrics.scoring import read_answer
from engine.running.prompt_forms import descriptions, in_stored_labels
from engine.running.prompting import build_prompt, decoding_for, training_answer
from engine.running.sampling import label_rows
from tests.helpers import small_task

LABELS = ("device_fault", "no", "refund")
WORDS = {"device_fault": "Störung", "refund": "Rückerstattung"}
PLAIN = replace(small_task(labels=LABELS), instructions="Sort it:\ndevice_fault: broken\nno: neither\nrefund: no money")
TASK = replace(PLAIN, answer=replace(PLAIN.answer, label_words=WORDS))
SHOT = Example(id="s", input="Geld zurück!", target="refund", split="train")
FOUND = Passage(id="f", kind="example", text="Kaputt.", score=1.0, target="device_fault")
OWN = PromptSpec()


def text_of(task: Task, prompt: PromptSpec = OWN) -> str:
    """Return the instructions of a prompt."""
    return build_prompt(task, "?", prompt=prompt).messages[0].content


def completion(text: str, probabilities: dict[str, float]) -> Completion:
    """Make what a backend answers a choice with."""
    return Completion(
        text=text, probabilities=probabilities, usage=Usage(prompt_tokens=1), prefill_s=0.0, decode_s=0.0, ttft_s=0.0
    )


def columns(*rows: str) -> list[ColumnLanguages]:
    """Tell the languages of one column."""
    return [ColumnLanguages(column="text", split="train", rows=len(rows), languages=tell_languages(rows))]


def test_a_model_reads_and_writes_the_words() -> None:
    """Instructions, shots, retrieved examples, targets of training, choices and JSON all have the words."""
    built = build_prompt(TASK, "?", shots=[SHOT], passages=[FOUND])
    said = [message.content for message in built.messages if message.role == "assistant"]
    assert said == ["Rückerstattung", "Störung"]
    assert built.messages[0].content == "Sort it:\nStörung: broken\nno: neither\nRückerstattung: no money"
    assert training_answer(TASK, SHOT) == "Rückerstattung"
    choice = decoding_for(TASK, DecodingSpec(), seed=0, row=0)
    assert choice.labels == ("Störung", "no", "Rückerstattung")
    schema = decoding_for(TASK, DecodingSpec(mode=DecodingMode.JSON), seed=0, row=0).json_schema
    assert schema is not None
    assert schema["properties"]["label"]["enum"] == ["Störung", "no", "Rückerstattung"]


def test_a_choice_among_words_becomes_one_among_labels() -> None:
    """The answer and every probability carry the stored label, by which they are scored and corrected."""
    made = completion("Störung", {"Störung": 0.6, "no": 0.3, "Rückerstattung": 0.1})
    found = in_stored_labels(TASK, OWN, made)
    assert found.text == "device_fault"
    assert found.probabilities == {"device_fault": 0.6, "no": 0.3, "refund": 0.1}


@pytest.mark.parametrize(
    ("mode", "text", "label"),
    [
        (DecodingMode.FREE, "Rückerstattung", "refund"),
        (DecodingMode.FREE, "Das ist eine RÜCKERSTATTUNG.", "refund"),
        (DecodingMode.FREE, "device fault", "device_fault"),
        (DecodingMode.JSON, json.dumps({"label": "Störung"}), "device_fault"),
        (DecodingMode.JSON, json.dumps({"label": "no"}), "no"),
    ],
)
def test_an_answer_is_read_by_word_or_label(mode: DecodingMode, text: str, label: str) -> None:
    """Free text and JSON may name either; what is kept is the label."""
    assert read_answer(TASK, mode, text) == label


def test_the_classifier_learns_the_words_with_what_is_said_of_them() -> None:
    """A label's own row holds its word and its description; a label without a word keeps its name."""
    assert [row.input for row in label_rows(TASK)] == [
        "Störung: broken", "no: neither", "Rückerstattung: no money",
    ]  # fmt: skip
    assert [row.target for row in label_rows(TASK)] == list(LABELS)


def test_words_win_over_labels_written_with_blanks() -> None:
    """The form that writes labels in plain words changes only labels that have no word."""
    spaced = PromptSpec(label_words=LabelWords.SPACED)
    other = replace(TASK, answer=replace(TASK.answer, label_words={"refund": "Rückerstattung"}))
    assert decoding_for(other, DecodingSpec(), seed=0, row=0, prompt=spaced).labels == (
        "device fault", "no", "Rückerstattung",
    )  # fmt: skip
    made = completion("device fault", {"device fault": 1.0})
    assert in_stored_labels(other, spaced, made).text == "device_fault"


def test_instructions_that_hold_the_words_are_left_alone() -> None:
    """Who writes the words gets the text as written; in other texts a label outside a list changes as a whole word."""
    written = replace(TASK, instructions="Störung oder Rückerstattung? Ein refund ist Rückerstattung.")
    assert text_of(written) == written.instructions
    prose = replace(TASK, instructions="Choose device_fault, no or refund, not refunds.")
    assert text_of(prose) == "Choose Störung, no or Rückerstattung, not refunds."


def test_descriptions_are_found_behind_words_and_other_colons() -> None:
    """French puts a blank before the colon, and Chinese has its own."""
    french = replace(TASK, instructions="Classe :\nStörung : cassé\nno : ni l'un ni l'autre\nRückerstattung : argent")
    assert descriptions(french) == {"device_fault": "cassé", "no": "ni l'un ni l'autre", "refund": "argent"}
    assert text_of(french, PromptSpec(descriptions=False)) == "Classe :\nStörung\nno\nRückerstattung"
    chinese = replace(PLAIN, template=TEMPLATES["zh"], instructions="device_fault：坏了\nno：无\nrefund：退款")
    assert descriptions(chinese)["device_fault"] == "坏了"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"gone": "weg"}, ["'gone'", "not a label"]),
        ({"refund": "  "}, ["'refund' is empty"]),
        ({"refund": "no"}, ["would both be 'no'"]),
        ({"refund": "device_fault", "device_fault": "x"}, ["would both be 'device_fault'"]),
        ({"refund": "x", "device_fault": "x"}, ["would both be 'x'"]),
        ({"refund": "a\u202eb"}, ["[U+202E]"]),
        ({"refund": "a\nb"}, ["not clean text"]),
        ({"refund": "x" * 61}, ["61 letters"]),
    ],
)
def test_words_that_do_not_fit_are_refused(words: dict[str, str], said: list[str]) -> None:
    """Each fault is named with its value, before a task is made and in the file of one."""
    with pytest.raises(UsageError) as error:
        with_label_words(PLAIN.answer, words)
    assert all(part in str(error.value) for part in said), error.value


def test_lines_of_words_are_read() -> None:
    """A label may hold the sign; a line without one, and a label twice, are errors."""
    assert read_label_words(["a=b = Wort", "", "refund=Rückerstattung"]) == {"a=b": "Wort", "refund": "Rückerstattung"}
    for lines in (["refund"], ["=x"], ["a=x", "a=y"]):
        with pytest.raises(UsageError):
            read_label_words(lines)


def test_a_task_keeps_its_words_and_sentences(tmp_path: Path) -> None:
    """Written, read, packed and unpacked they are the same; the digest knows both, and a task without has its old one."""
    task = replace(TASK, template=replace(TEMPLATES["de"], listed="Nimm eins: {labels}"), digest="")
    write_task(task, tmp_path / "small")
    found = read_task(tmp_path / "small")
    assert (found.answer.label_words, found.template) == (WORDS, task.template)
    (tmp_path / "other").mkdir()
    unpack_into("small.zip", pack_folder(tmp_path / "small"), tmp_path / "other")
    assert read_task(tmp_path / "other") == found
    digests = {task_digest(one) for one in (PLAIN, TASK, task, replace(PLAIN, template=TEMPLATES["de"]))}
    assert len(digests) == 4
    write_task(PLAIN, tmp_path / "plain")
    assert not (tmp_path / "plain" / "prompt.toml").exists()
    assert "label_words" not in (tmp_path / "plain" / "task.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('listed = "Nimm eins"', ["'listed'", "no {labels}"]),
        ('greeting = "Hallo"', ["'greeting'"]),
        ('language = "German"', ["'language'"]),
        ('comma = "\\u202e"', ["'comma'", "[U+202E]"]),
        ("listed = ", ["cannot be read"]),
    ],
)
def test_a_faulty_sentence_is_an_error_with_its_field(tmp_path: Path, text: str, said: list[str]) -> None:
    """The file is read as strictly as the others of a task."""
    write_task(PLAIN, tmp_path / "small")
    (tmp_path / "small" / "prompt.toml").write_text(text, encoding="utf-8")
    with pytest.raises(TaskError) as error:
        read_task(tmp_path / "small")
    assert all(part in str(error.value) for part in ("prompt.toml", *said)), error.value


def test_a_file_with_a_language_alone_gets_its_sentences(tmp_path: Path) -> None:
    """What it leaves out is as the app has it; in a language that the app has none in, that is English."""
    write_task(PLAIN, tmp_path / "small")
    for text, wanted in (
        ('language = "de"', TEMPLATES["de"]),
        (
            'language = "uk"\nlisted = "Відповіді: {labels}"',
            PromptTemplate(language="uk", listed="Відповіді: {labels}"),
        ),
    ):
        (tmp_path / "small" / "prompt.toml").write_text(text, encoding="utf-8")
        assert read_task(tmp_path / "small").template == wanted


@pytest.mark.parametrize("language", sorted(TEMPLATES.keys() - {"en"}))
def test_each_language_says_everything(language: str) -> None:
    """No sentence is left in English, each holds what it must, and drafts are in the language."""
    template = TEMPLATES[language]
    assert language in NAMES
    for field in fields(PromptTemplate):
        sentence = getattr(template, field.name)
        assert PLACEHOLDERS.get(field.name, "") in sentence
        same = sentence == getattr(ENGLISH, field.name)
        assert not same or field.name in {"comma", "json_frame"}, field.name
    schema = {"type": "object", "properties": {"n": {"type": ["string", "null"]}}}
    specs = [
        AnswerSpec(kind=AnswerKind.LABEL, labels=("a1", "b1")), AnswerSpec(kind=AnswerKind.JSON, json_schema=schema),
        AnswerSpec(kind=AnswerKind.TEXT), AnswerSpec(kind=AnswerKind.SHORT),
    ]  # fmt: skip
    drafts = [draft_instructions(spec, target="t0", language=language) for spec in specs]
    assert "{" not in "".join(drafts)
    assert ["t0" in drafts[0], "a1\nb1" in drafts[0], "n: string" in drafts[1]] == [True] * 3
    assert all("t0" in draft for draft in drafts[2:])
    assert tell_languages([*drafts, *(str(value) for value in asdict(template).values())]).code == language


def test_prompts_are_framed_in_the_language() -> None:
    """Each form of a prompt takes its sentences from the task."""
    german = replace(TASK, template=TEMPLATES["de"])
    framed = build_prompt(german, "Geld", prompt=PromptSpec(form=PromptForm.FRAMED)).messages[-1].content
    assert framed == "Text: Geld\nKategorie:"
    assert text_of(german, PromptSpec(form=PromptForm.BRIEF)) == (
        "Was davon passt am besten zum Text: Störung, no, Rückerstattung?"
    )
    assert text_of(german, PromptSpec(form=PromptForm.LISTED)).endswith(
        "Mögliche Antworten: Störung, no, Rückerstattung"
    )
    short = replace(
        small_task(kind=AnswerKind.SHORT),
        answer=AnswerSpec(kind=AnswerKind.SHORT, refusal="无"),
        template=TEMPLATES["zh"],
    )
    assert text_of(short, PromptSpec(form=PromptForm.BRIEF)) == "用几个词回答问题。如果不知道，请回答：无"


def test_the_language_of_instructions_is_english_unless_chosen() -> None:
    """Auto goes by the rows; languages without sentences stay English, and that is said."""
    german = columns("Mein Paket ist seit einer Woche unterwegs.", "Der Bildschirm bleibt leider schwarz.")
    czech = columns("Balík je už týden na cestě a ještě nepřišel.", "Obrazovka zůstává bohužel černá, nevím proč.")
    assert instruction_template("", german) == ENGLISH
    assert instruction_template("auto", german) == TEMPLATES["de"]
    assert instruction_template("auto", czech) == ENGLISH
    assert instruction_note(ENGLISH, german) == "Rows are in German, drafted instructions in English."
    assert not instruction_note(TEMPLATES["de"], german)
    assert "the app has no sentences in Czech" in instruction_note(ENGLISH, czech)
    with pytest.raises(UsageError, match="no instructions in Czech"):
        instruction_template("cs", german)
    with pytest.raises(UsageError, match="'klingon' is not a language"):
        instruction_template("klingon", german)
