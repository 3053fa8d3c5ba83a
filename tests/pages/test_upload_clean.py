"""Prepare, Upload: a clean file becomes a task at once; what is odd in another file is named, and the steps are left."""

from __future__ import annotations

import pytest

from components.ui import state
from engine.ingest.options import ImportOptions
from engine.ingest.steps import Kept
from tests.helpers import TEXTS, import_table
from tests.memory_lab import TASK, memory_lab, until
from tests.pages.upload_screen import PAGE, WORDS, Screen, rows


def clean(count: int = 40) -> str:
    """Write a table of two desks without anything odd."""
    lines = [
        f"my {WORDS[n % 10]} gave me reason {n * 7919} to write on day {n * 104729},{'ab'[n // 2 % 2]}"
        for n in range(count)
    ]
    return "\n".join(["message,desk", *lines]) + "\n"


def split_into(data: str, *sides: str) -> str:
    """Add a split column whose cells take turns."""
    head, *lines = data.splitlines()
    split = [f"{line},{sides[n % len(sides)]}" for n, line in enumerate(lines)]
    return "\n".join([f"{head},split", *split]) + "\n"


def settled(screen: Screen) -> Screen:
    """Wait until the file has been checked."""
    until(lambda: not screen.draft.jobs["proposal"].job.is_running)
    screen.app.run()
    assert not screen.app.exception
    return screen


def test_a_clean_file_is_saved_and_set_up_with_one_press(opened) -> None:
    """The first step says what the task will be; one press saves it, opens Run on it, and leaves Upload clean.

    The title is the file's name, and the id is readable.
    """
    screen = settled(opened(clean(), "Desk mail.csv"))
    said = (
        "Nothing unusual was found", "Input: **message**", "right answer: **desk** (label, 2 labels)",
        "**40** rows: 24 train and 16 test", "split at random", "English",
    )  # fmt: skip
    for words in said:
        assert words in screen.texts()
    screen.app.button(key="save_clean").click().run()
    assert not screen.app.exception
    assert screen.app.selectbox(key=state.TASK).value == "desk-mail"
    task = screen.lab.tasks.get("desk-mail")
    assert (task.title, len(task.split("train")), len(task.split("test"))) == ("Desk mail", 24, 16)
    assert "The leak check found nothing" in task.card["leak_guard"]
    screen.app.switch_page(PAGE).run()
    assert "What it needs" in screen.texts()
    assert state.UPLOAD not in screen.app.session_state


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (rows(), "1 row"),
        (clean() + "my parcel gave me reason 0 to write on day 0,a\n", "Duplicate"),
        (split_into(clean(), "train"), "no 'test' rows"),
        (
            "one,two,three\n" + "".join(f"some {n} words,other {n} words,third {n} words\n" for n in range(9)),
            "not clear",
        ),
        (split_into(clean(), "train", "test") + "one word on its own day,c,train\n" * 4, "no test rows"),
    ],
    ids=["empty", "duplicate", "no test rows", "unsure columns", "untested label"],
)
def test_what_is_odd_is_named_and_nothing_is_offered(opened, data: str, words: str) -> None:
    """A file with something odd in it says what, offers no short way, and leads into the steps."""
    screen = settled(opened(data))
    assert words in screen.texts()
    assert "Look at this in the next steps" in screen.texts()
    assert not [button for button in screen.app.button if button.key == "save_clean"]
    assert not screen.app.button(key="step_next").disabled


def test_a_test_row_that_repeats_a_training_row_is_odd(opened) -> None:
    """A leak between the splits is looked for before anything is offered."""
    lines = [f'"{text}",{desk}' for desk, texts in TEXTS.items() for text in texts]
    data = split_into("\n".join(["message,desk", *lines]), "train", "train", "test")
    assert "Nothing unusual" in settled(opened(data)).texts()
    repeated = '"i was charged twice for october!",billing,test\n'
    assert "1 of 7 test rows" in settled(opened(data + repeated)).texts()


def test_after_saving_in_steps_the_form_is_gone(opened) -> None:
    """A saved task leaves no form behind as if nothing had happened: it is named by its title, with the ways on."""
    screen = opened(rows(), "Desk mail.csv")
    for _ in range(6):
        screen.next()
    screen.app.button(key="save_task").click().run()
    assert screen.find(Kept).task_id == "desk-mail"
    assert 'Saved as "Desk mail".' in screen.texts()
    assert not screen.app.text_input
    assert not [button for button in screen.app.button if button.key == "save_task"]
    screen.app.button(key="change_instructions").click().run()
    assert screen.app.text_input(key="task_title").value == "Desk mail"
    screen.app.button(key="save_task").click().run()
    screen.app.button(key="upload_another").click().run()
    assert not screen.app.exception
    assert "What it needs" in screen.texts()


def test_a_busy_machine_keeps_no_file_waiting(opened) -> None:
    """While a run is measured, meanings are not compared: the file is offered all the same, and its record says so."""
    screen = opened(clean(), "Desk mail.csv")
    screen.lab.memory.machine.taken = True
    screen.app.selectbox(key="read_delimiter_f1").set_value(",").run()
    settled(screen)
    screen.app.button(key="save_clean").click().run()
    assert "not meaning" in screen.lab.tasks.get("desk-mail").card["leak_guard"]
    assert TASK in {task.id for task in screen.lab.tasks.list()}


def test_another_table_of_the_same_name_gets_a_number() -> None:
    """The same table again is the same task; another one with the same title gets the next free id, never a hash."""
    lab = memory_lab()

    def saved(data: str) -> str:
        table = lab.tables.read_table("desk.csv", data.encode(), ImportOptions().reading)
        return lab.tables.save(import_table(table, ImportOptions(title="Desk"), task_id="desk").task)

    assert [saved(clean()), saved(clean(36)), saved(clean()), saved(clean(36))] == ["desk", "desk-2"] * 2
    assert (lab.tasks.get("desk-2").id, lab.tasks.get("desk-2").title) == ("desk-2", "Desk")
