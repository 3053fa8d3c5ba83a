"""The Upload page with a draft in the session, and the buttons that lead through it."""

from __future__ import annotations

from dataclasses import replace

from streamlit.testing.v1 import AppTest

from components.ui import state
from components.upload.draft import Draft
from engine.ingest.steps import Found
from tests.memory_lab import MemoryLab

PAGE = "pages/prepare/upload.py"
WORDS = ("parcel", "invoice", "screen", "password", "heating", "courier", "refund", "manual", "meter", "button")


def rows(count: int = 40) -> str:
    """Write a table of two desks, with one row that stands in both splits and one empty input."""
    lines = ["message,desk,split"]
    for n in range(count):
        side = "test" if n % 2 else "train"
        lines.append(f"the {WORDS[n % 10]} is a trouble of its own kind since day {n * 7919},{'ab'[n // 2 % 2]},{side}")
    lines += ["Please help me now!,a,train", "please help me now,a,test", ",b,test"]
    return "\n".join(lines) + "\n"


class Screen:
    """The page with a draft in the session, and the buttons that lead through it."""

    def __init__(self, app: AppTest, lab: MemoryLab) -> None:
        self.app, self.lab = app, lab

    @property
    def draft(self) -> Draft:
        return self.app.session_state[state.UPLOAD]

    def find(self, wanted: type[Found]) -> Found | None:
        return self.draft.find(wanted)

    def add_document(self, name: str, data: bytes) -> None:
        """Add a document as the uploader would do it: AppTest has no files."""
        document = self.lab.tables.read_document(name, data)
        self.draft.choose(replace(self.draft.options, documents=(document,)))

    def next(self) -> None:
        self.app.button(key="step_next").click().run()
        assert not self.app.exception

    def texts(self) -> str:
        parts = [*self.app.caption, *self.app.markdown, *self.app.error, *self.app.success, *self.app.info,
                 *self.app.warning, *self.app.text]  # fmt: skip
        return "\n".join(str(part.value) for part in parts).replace("\\", "")
