"""Prepare, Upload: instructions in the language of the rows, and other words for the labels."""

from __future__ import annotations

from adapters.storage.task_folder import read_task
from engine.core.text.prompt_template import TEMPLATES
from engine.ingest.steps import Kept
from tests.pages.upload_screen import Screen

GERMAN = (
    "Mein Paket ist seit einer Woche unterwegs.", "Mir wurde der Oktober doppelt abgebucht.",
    "Der Bildschirm bleibt leider schwarz.", "Ich warte noch immer auf die Rechnung.",
)  # fmt: skip


def german_rows() -> str:
    """Write a German table of two desks."""
    lines = [
        f"{GERMAN[n % 4]} Das war am Tag {n * 7919}.,{'ab'[n % 2]},{'test' if n % 3 else 'train'}" for n in range(24)
    ]
    return "\n".join(["text,label,split", *lines]) + "\n"


def at_the_instructions(opened) -> Screen:
    """Go to the last screen."""
    screen = opened(german_rows())
    for _ in range(6):
        screen.next()
    return screen


def test_instructions_follow_the_language_and_the_words(opened) -> None:
    """The draft and the prompt are rewritten, and the kept task has the sentences and the words."""
    screen = at_the_instructions(opened)
    language = screen.app.selectbox(key="instruction_language")
    assert language.options[:2] == ["English", "German"]
    assert language.value == "en"
    assert "Rows are in German, drafted instructions in English." in screen.texts()
    language.set_value("de").run()
    assert not screen.app.exception
    assert "drafted instructions in English" not in screen.texts()
    assert "Ordne die Nachricht genau einer Kategorie zu (label):" in screen.app.code[0].value
    words = next(area for area in screen.app.text_area if area.key.startswith("label_words_"))
    words.set_value("a = Rechnung\nb = Paket").run()
    assert not screen.app.exception
    assert "\nRechnung\nPaket\n" in screen.app.code[0].value
    screen.app.button(key="save_task").click().run()
    assert not screen.app.exception
    task = read_task(screen.lab.memory.tasks.folder(screen.find(Kept).task_id))
    assert (task.answer.labels, dict(task.answer.label_words)) == (("a", "b"), {"a": "Rechnung", "b": "Paket"})
    assert task.template == TEMPLATES["de"]
    assert "Rechnung\nPaket" in task.instructions


def test_a_word_that_does_not_fit_is_said_and_loses_nothing(opened) -> None:
    """The fault names value and fix; the words that were chosen before stand."""
    screen = at_the_instructions(opened)
    words = next(area for area in screen.app.text_area if area.key.startswith("label_words_"))
    words.set_value("a = Rechnung").run()
    words = next(area for area in screen.app.text_area if area.key.startswith("label_words_"))
    for typed, said in (("a = b", "would both be 'b'"), ("c = x", "'c' has a word"), ("a", "does not give a label")):
        words.set_value(typed).run()
        assert not screen.app.exception
        assert said in screen.texts()
        assert dict(screen.draft.options.label_words) == {"a": "Rechnung"}
