"""Prepare, Upload: from a file to a kept task, step by step; broken files say what to fix."""

from __future__ import annotations

import threading

import pytest

import components.ui.jobs
from adapters.storage.task_folder import read_task
from components.ui import state
from components.upload.draft import Draft
from engine.core.task import AnswerKind
from engine.ingest.data_card import Fix
from engine.ingest.leaks.record import LeakFix
from engine.ingest.progress import Report
from engine.ingest.steps import Checked, Compared, Guarded, Kept, Looked, Mapped, Read, Split
from engine.ingest.table import ReadOptions
from tests.memory_lab import HOSTILE, memory_model, until
from tests.pages.upload_screen import PAGE, rows
from tests.unit.test_documents_and_zips import pdf


def test_the_whole_way_from_file_to_task(opened) -> None:
    """Each step shows what it found; the kept task holds the rows, the fixes and what the leak guard did."""
    screen = opened(rows())
    assert "Every cell stays text" in screen.texts()
    screen.next()
    assert screen.find(Mapped).roles.inputs == ("message",)
    assert screen.find(Mapped).kind is AnswerKind.LABEL
    assert "'message': by its name" in screen.texts().replace("\\", "")
    screen.next()
    assert {finding.id: finding.chosen for finding in screen.find(Checked).examined.card.findings}[
        "empty_input"
    ] is Fix.DROP
    assert {metric.label: metric.value for metric in screen.app.metric}["Rows used"] == "42 of 43"
    screen.next()
    assert {metric.label: metric.value for metric in screen.app.metric}["Train rows"] == "21"
    screen.next()
    screen.next()
    assert [pair.kind for pair in screen.find(Compared).pairs] == ["normalized"]
    screen.app.get("segmented_control")[0].set_value(LeakFix.DROP).run()
    assert "Dropped: 1 test row" in screen.texts()
    screen.next()
    assert "tokens" in screen.texts()
    screen.app.text_area[0].set_value("Sort the mail.\na\nb").run()
    assert "Sort the mail." in screen.app.code[0].value
    screen.app.button(key="save_task").click().run()
    assert not screen.app.exception
    task = read_task(screen.lab.memory.tasks.folder(screen.find(Kept).task_id))
    assert task.instructions == "Sort the mail.\na\nb"
    assert (len(task.split("train")), len(task.split("test"))) == (21, 20)
    assert "Dropped: 1 test row" in task.card["leak_guard"]
    assert task.source["findings"][0]["id"] == "empty_input"
    screen.app.button(key="compare_task").click().run()
    assert screen.app.session_state[state.TASK] is not None


def test_going_back_and_to_other_pages_loses_nothing(opened) -> None:
    """Choices stand when a step or page is opened again."""
    screen = opened(rows())
    for _ in range(3):
        screen.next()
    screen.app.get("segmented_control")[0].set_value("seed").run()
    screen.app.number_input(key="share_test").set_value(25).run()
    screen.app.switch_page("pages/prepare/tasks.py").run()
    screen.app.switch_page(PAGE).run()
    assert not screen.app.exception
    assert screen.app.number_input(key="share_test").value == 25
    screen.app.button(key="step_1").click().run()
    screen.app.button(key="step_3").click().run()
    assert screen.find(Split).plan.shares["test"] == 0.25
    assert screen.app.number_input(key="share_test").value == 25


def test_a_mend_changes_the_card(opened) -> None:
    """What is chosen for a finding is done at once."""
    screen = opened("text,label\n" + "same words,a\nsame words,b\n" * 3 + "other words,a\n" * 5)
    screen.next()
    screen.next()
    controls = {control.key: control for control in screen.app.get("segmented_control")}
    controls["fix_conflicts"].set_value(Fix.DROP).run()
    assert not screen.app.exception
    assert {metric.label: metric.value for metric in screen.app.metric}["Rows used"] == "5 of 11"


def test_documents_are_taken_and_saved(opened) -> None:
    """A document added before the leak guard is compared and kept with the task."""
    screen = opened(rows())
    for _ in range(4):
        screen.next()
    screen.add_document("hand book.html", b"<h1>Help</h1><p>Turn it off.</p>")
    screen.app.run()
    assert "1 document, 1 passage" in screen.texts()
    screen.next()
    screen.next()
    screen.app.button(key="save_task").click().run()
    assert not any(button.key == "index_task" for button in screen.app.button)
    folder = screen.lab.memory.tasks.folder(screen.find(Kept).task_id)
    assert (folder / "documents" / "hand-book.md").read_text().startswith("# Help")


def test_a_scan_among_the_pages_of_a_document_is_told(opened) -> None:
    """A PDF of which some pages are pictures is taken, and the page says how many."""
    screen = opened(rows())
    for _ in range(4):
        screen.next()
    screen.add_document("hand book.pdf", pdf("Turn it off", "", ""))
    screen.app.run()
    assert "hand-book.md: 2 of 3 pages hold no text" in screen.texts()
    assert screen.draft.options.documents[0].text == "Turn it off\n"


def test_passages_are_indexed_where_facts_are_asked_for(opened) -> None:
    """A task of short answers with documents offers to build the index that its first run will look for."""
    screen = opened("question,answer\n" + "".join(f"How is thing {n}?,{n} apples\n" for n in range(12)))
    for _ in range(4):
        screen.next()
    screen.add_document("help.md", b"# Help\nTurn it off.")
    screen.app.run()
    screen.next()
    screen.next()
    screen.app.button(key="save_task").click().run()
    screen.app.button(key="index_task").click().run()
    screen.app.run()
    assert not screen.app.exception
    assert "Indexed in 0.1 s" in screen.texts().replace("\\", "")


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "a.csv", "is empty"),
        (b'text,label\nhello,a\n"never closed,b\n', "a.csv", "line 3"),
        (b"%PDF-1.7", "a.csv", "a PDF"),
        (b"PK\x03\x04 nothing", "a.xlsx", "broken archive"),
        (bytes(range(256)), "a.csv", "not text"),
        (b"text,label\n", "a.csv", "header and no rows"),
        (b"text\nhello\nbye\n", "a.csv", "has one column"),
    ],
    ids=str,
)
def test_broken_files_say_what_to_fix(opened, data: bytes, name: str, words: str) -> None:
    """A broken file gets a sentence with its line, on the first step or when it is read whole."""
    screen = opened(data, name)
    if any(button.key == "step_next" and not button.disabled for button in screen.app.button):
        screen.next()
    assert words in screen.texts().replace("\\", "")
    assert screen.app.error


def test_hostile_cells_stay_text(opened) -> None:
    """Markup, formulas and direction signs in cells, names of columns and the file's name reach the page as text."""
    cell = HOSTILE.replace('"', '""')
    data = f'"{cell}","=cmd()"\n' + "".join(f'"{cell} {n}","=1+1"\n"x {n}","b"\n' for n in range(8))
    screen = opened(data, "<img src=x>.csv")
    for _ in range(6):
        screen.next()
    screen.app.button(key="save_task").click().run()
    assert not screen.app.exception
    shown = screen.texts() + "".join(code.value for code in screen.app.code)
    assert "\u202e" not in shown
    assert "\x1b" not in shown
    assert "<img src=x>.csv" not in "".join(part.value for part in screen.app.markdown)
    screen.app.button(key="step_0").click().run()
    assert {cell for frame in screen.app.dataframe for cell in frame.value.iloc[:, 2]} >= {"'=1+1"}
    assert any("are shown with an apostrophe; it is not stored" in caption.value for caption in screen.app.caption)


def test_columns_change_their_roles(opened) -> None:
    """A column taken as input, target or split leaves the metadata, and the kind of answer is guessed again."""
    screen = opened(
        "text,label,note,set\n" + "".join(f"words {n},{'ab'[n % 2]},note {n} is long,x\n" for n in range(12))
    )
    screen.next()
    assert screen.find(Mapped).roles.metadata == ("note", "set")
    screen.app.multiselect(key="role_inputs").set_value(["text", "note"]).run()
    assert not screen.app.exception
    assert (screen.find(Mapped).roles.inputs, screen.find(Mapped).roles.metadata) == (("text", "note"), ("set",))
    screen.app.selectbox(key="role_target").set_value("set").run()
    assert not screen.app.exception
    assert screen.find(Mapped).kind is AnswerKind.SHORT
    screen.app.selectbox(key="role_target").set_value("label").run()
    screen.app.multiselect(key="role_inputs").set_value([]).run()
    assert "No input column" in screen.texts()
    screen.app.multiselect(key="role_inputs").set_value(["label"]).run()
    assert "both input and target" in screen.texts()
    assert screen.app.button(key="step_next").disabled


def test_reading_can_be_overruled(opened) -> None:
    """Another sign between cells gives other columns, and what was worked out before is gone."""
    screen = opened("a;b,c\n1;2,3\n4;5,6\n")
    screen.app.selectbox(key="read_delimiter_f1").set_value(";").run()
    assert not screen.app.exception
    assert screen.find(Looked).look.header == ("a", "b,c")
    screen.app.toggle(key="read_header_f1").set_value(False).run()
    assert screen.find(Looked).look.header == ("column 1", "column 2")
    screen.app.selectbox(key="read_encoding_f1").set_value("utf-16").run()
    assert screen.app.error
    screen.app.selectbox(key="read_encoding_f1").set_value("").run()
    assert screen.find(Looked).look.header == ("column 1", "column 2")


def test_how_one_file_is_read_is_not_how_the_next_is(opened) -> None:
    """Encoding, delimiter, quotes and header chosen for a file are not chosen for the file that takes its place."""
    screen = opened("message;desk\n" + "Grüße aus Köln;a\n" * 9)
    screen.app.selectbox(key="read_encoding_f1").set_value("cp850").run()
    screen.app.selectbox(key="read_quote_f1").set_value("'").run()
    screen.app.toggle(key="read_header_f1").set_value(False).run()
    assert screen.find(Looked).look.rows[1][0] != "Grüße aus Köln"
    data = ("message,desk\n" + "Grüße aus Köln,a\n" * 9).encode()
    screen.app.session_state[state.UPLOAD] = Draft(file_id="f2", name="next.csv", data=data)
    screen.app.run()
    assert not screen.app.exception
    assert screen.draft.options.reading == ReadOptions()
    assert screen.find(Looked).look.header == ("message", "desk")
    assert screen.find(Looked).look.rows[0] == ("Grüße aus Köln", "a")
    assert "you chose it" not in screen.texts()


def test_a_change_closes_what_was_made_from_it(opened) -> None:
    """A kept task is no longer shown as kept after a change on an earlier screen, and is made again on the way there."""
    screen = opened(rows())
    for _ in range(6):
        screen.next()
    screen.app.button(key="save_task").click().run()
    first = screen.find(Kept)
    screen.app.button(key="step_2").click().run()
    screen.app.button(key="step_3").click().run()
    screen.app.button(key="step_6").click().run()
    assert screen.find(Kept) is first
    screen.app.button(key="step_3").click().run()
    screen.app.get("segmented_control")[0].set_value("seed").run()
    assert type(screen.draft.last) is Split
    assert [screen.app.button(key=f"step_{place}").disabled for place in range(7)] == [False] * 6 + [True]
    for _ in range(3):
        screen.next()
    assert not any(button.key == "compare_task" for button in screen.app.button)
    screen.app.button(key="save_task").click().run()
    assert screen.find(Kept).task_id != first.task_id
    assert screen.find(Kept).before.task.source["splits"]["seed"] == 0


def test_a_stopped_job_can_be_tried_again(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading that takes long shows how far it is and a way to stop; stopped, it says so and is begun again."""
    screen = opened(rows())
    read, goes_on = screen.lab.tables.read_table, threading.Event()
    until(lambda: screen.find(Read))

    def slowly(name: str, data: bytes, asked: ReadOptions, report: Report):
        report(0.5)
        goes_on.wait(60)
        report(0.6)
        return read(name, data, asked, report)

    monkeypatch.setattr(screen.lab.tables, "read_table", slowly)
    monkeypatch.setattr(components.ui.jobs, "PATIENCE_S", 0.0)
    screen.app.selectbox(key="read_delimiter_f1").set_value(",").run()
    job = screen.draft.jobs["table"].job
    until(lambda: job.fraction == 0.5)
    screen.app.run()
    assert "Reading the whole file" in screen.app.get("progress")[0].proto.text
    screen.app.button(key="stop_job").click().run()
    goes_on.set()
    until(lambda: not job.is_running)
    screen.app.run()
    assert "Stopped." in screen.texts()
    assert screen.find(Read) is None
    screen.next()
    assert screen.app.button(key="step_next").disabled
    screen.app.button(key="again_table").click().run()
    until(lambda: not screen.draft.jobs["table"].job.is_running)
    screen.app.run()
    assert not screen.app.exception
    assert screen.find(Read).table.rows == 43
    assert not screen.app.button(key="step_next").disabled


def test_rows_that_are_too_long_are_the_models_affair(opened) -> None:
    """Rows over a model's context are a finding; a model with other such rows takes away what was made with the first.

    The model whose prompt is shown changes nothing.
    """
    screen = opened(rows() + f"{'word ' * 9000},a,test\n{'word ' * 900},b,test\n")
    wide, narrow = memory_model(id="wide", name="Wide"), memory_model(id="narrow", name="Narrow", context_tokens=700)
    screen.lab.memory.models.facts = [memory_model(), wide, narrow]

    def too_long() -> list[int]:
        return [len(f.lines) for f in screen.find(Checked).examined.card.findings if f.id == "too_long"]

    screen.next()
    screen.next()
    assert too_long() == [1]
    controls = {control.key: control for control in screen.app.get("segmented_control")}
    controls["fix_too_long"].set_value(Fix.DROP).run()
    assert not screen.app.exception
    assert {metric.label: metric.value for metric in screen.app.metric}["Rows used"] == "43 of 45"
    for _ in range(4):
        screen.next()
    guarded = screen.find(Guarded)
    screen.app.selectbox(key="preview_model").set_value("narrow").run()
    assert not screen.app.exception
    screen.app.button(key="step_2").click().run()
    screen.app.selectbox(key="card_model").set_value("wide").run()
    assert screen.find(Guarded) is guarded
    screen.app.selectbox(key="card_model").set_value("narrow").run()
    assert not screen.app.exception
    assert too_long() == [2]
    assert {metric.label: metric.value for metric in screen.app.metric}["Rows used"] == "42 of 45"
    assert screen.find(Split) is None


def test_the_card_tells_the_languages_of_the_rows(opened) -> None:
    """By split; a language that is tested and not learned is warned about, here and where rows are split."""
    english = "my invoice shows the wrong amount", "how do i reset my password", "the app crashes at start"
    german = "Meine Rechnung zeigt den falschen Betrag", "Wie ändere ich mein Passwort", "Die App stürzt immer ab"
    lines = [f"{text} {n},{'ab'[n % 2]},train" for n in range(4) for text in english]
    lines += [f"{text} {n},{'ab'[n % 2]},test" for n in range(4) for text in german]
    screen = opened("\n".join(["message,desk,split", *lines]) + "\n")
    screen.next()
    screen.next()
    (frame,) = [one.value for one in screen.app.dataframe if "Languages" in one.value]
    assert dict(zip(frame["Split"], frame["Languages"], strict=True)) == {"train": "English", "test": "German"}
    assert "test rows are in German, and hardly any training row is" in screen.texts()
    screen.next()
    assert "test rows are in German, and hardly any training row is" in screen.texts()
