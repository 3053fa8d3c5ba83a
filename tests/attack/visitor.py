"""A tab without a browser: it opens pages of the served app and presses their buttons over the app's WebSocket."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin

from tools.served_app import ServedApp

_EARLY = ForwardMsg.ScriptFinishedStatus.FINISHED_EARLY_FOR_RERUN


@dataclass
class Page:
    """What a tab holds of the page that it shows."""

    script: str = ""
    query: str = ""
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of each button that can be pressed: what stands on it, and the fragment that it belongs to."""
    errors: list[str] = field(default_factory=list)
    """Exceptions that were shown."""


def cookies(app: ServedApp) -> str:
    """Open the printed address as a browser does; return what it keeps."""
    with httpx.Client(base_url=app.address, trust_env=False) as client:
        client.get(app.way_in)
        return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


class Visitor:
    """One session of the app."""

    def __init__(self, app: ServedApp, cookie: str, *, patience_s: float) -> None:
        """Connect."""
        self._socket = connect(
            f"{app.address.replace('http', 'ws', 1)}/_stcore/stream",
            origin=Origin(app.address),
            additional_headers={"Cookie": cookie},
            max_size=None,
            proxy=None,
        )
        self._patience_s = patience_s
        self.page = Page()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the tab."""
        self._socket.close()

    def visit(self, name: str) -> None:
        """Open a page by its name in the address; the empty one is Start."""
        message = BackMsg()
        message.rerun_script.page_name = name
        self.page = Page()
        self._ask(message)

    def press(self, button: str) -> None:
        """Press a button of the page."""
        _label, fragment = self.page.buttons[button]
        message = BackMsg()
        message.rerun_script.query_string = self.page.query
        message.rerun_script.page_script_hash = self.page.script
        message.rerun_script.fragment_id = fragment
        state = message.rerun_script.widget_states.widgets.add()
        state.id, state.trigger_value = button, True
        self._ask(message)

    def _ask(self, message: BackMsg) -> None:
        self._socket.send(message.SerializeToString())
        ends = time.monotonic() + self._patience_s
        while True:
            got = self._socket.recv(timeout=max(ends - time.monotonic(), 0.0))
            answer = ForwardMsg()
            answer.ParseFromString(got if isinstance(got, bytes) else got.encode())
            self._take(answer)
            if answer.WhichOneof("type") == "script_finished" and answer.script_finished != _EARLY:
                return

    def _take(self, answer: ForwardMsg) -> None:
        kind = answer.WhichOneof("type")
        if kind == "new_session" and not answer.metadata.run.fragment_ids:
            self.page.buttons = {}
        elif kind == "navigation":
            self.page.script = answer.navigation.page_script_hash
        elif kind == "page_info_changed":
            self.page.query = answer.page_info_changed.query_string
        elif kind == "delta" and answer.delta.WhichOneof("type") == "new_element":
            element = answer.delta.new_element
            shown = element.WhichOneof("type")
            if shown == "button" and not element.button.disabled:
                self.page.buttons[element.button.id] = (element.button.label, answer.delta.fragment_id)
            elif shown == "exception":
                self.page.errors.append(f"{element.exception.type}: {element.exception.message}")
