"""A text as it is written, up to the first of some words that end it. Pure."""

from __future__ import annotations


class UpToStop:
    """Takes a text in pieces; what may be the beginning of a stop word is held back until more is known."""

    def __init__(self, stop: tuple[str, ...]) -> None:
        """Begin with nothing."""
        self._stop = tuple(word for word in stop if word)
        self._held = max((len(word) for word in self._stop), default=1) - 1
        self._sent = 0
        self.text = ""
        self.stopped = False

    def add(self, piece: str) -> str:
        """Take a piece; return what can be shown now. Nothing counts after a stop word."""
        if self.stopped:
            return ""
        self.text += piece
        places = [place for place in (self.text.find(word) for word in self._stop) if place >= 0]
        if places:
            self.text, self.stopped = self.text[: min(places)], True
        end = len(self.text) if self.stopped else max(self._sent, len(self.text) - self._held)
        shown, self._sent = self.text[self._sent : end], max(self._sent, end)
        return shown

    def finish(self) -> str:
        """Return what was held back."""
        shown, self._sent = self.text[self._sent :], len(self.text)
        return shown
