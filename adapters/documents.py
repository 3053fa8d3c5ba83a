"""Documents of a user as Markdown: Markdown and text as they are, HTML without scripts, the text of PDFs."""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from contextlib import suppress
from pathlib import PurePath
from typing import Any

from adapters.reading.limits import MAX_DOCUMENT_BYTES
from adapters.tabular.encodings import detect_encoding, undecodable
from engine.core.errors import TableError, TaskError
from engine.core.task import Document
from engine.metrics import wording as say

MAX_TEXT_BYTES = 5_000_000
MAX_PAGES = 2_000
_TEXT = {".md", ".markdown", ".txt", ".text", ""}
_HTML = {".html", ".htm", ".xhtml"}
_NOT_SHOWN = (
    "script", "style", "template", "noscript", "iframe", "object", "embed", "svg", "head", "nav", "input", "button",
    "select", "textarea", "datalist",
)  # fmt: skip
"""Of HTML. A form's own text is kept: many servers put the whole page into one."""
_MAX_STEM_BYTES = 180
"""Of a name without its ending: with that, and a number, it is below `archives.MAX_NAME_BYTES`."""
_HEAD_BYTES = 4_096
_AS_BROWSERS = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932",
}  # fmt: skip
"""By Python's name of an encoding, the larger one in which pages of that name are written."""
_OF_PAGES = ("cp", "iso8859", "koi8", "mac", "big5", "euc", "gb18030")
_NOT_TEXT_FIX = "Save it as UTF-8, or give Markdown, text, PDF or HTML."
_NO_TEXT_FIX = {".pdf": "A scanned PDF needs text recognition first.", ".html": "Save what the browser shows as PDF."}


def read_document(name: str, data: bytes) -> Document:
    """Read a document; its name is made safe for a file, with `.md` at the end.

    Raises:
        TaskError: the kind is not known, the file is broken, encrypted or too large, or holds no text.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise TaskError(
            f"{name} has {say.size(len(data))}; at most {say.size(MAX_DOCUMENT_BYTES)} are read.", "Split it."
        )
    extension, note = PurePath(name).suffix.lower(), ""
    if data.startswith(b"%PDF") or extension == ".pdf":
        pages, extension = _pdf(name, data), ".pdf"
        text, note = "\n\n".join(page for page in pages if page) + "\n", _note_on(pages)
    elif extension in _HTML:
        text, extension = _html(_decoded(name, data, _declared(data))), ".html"
    elif extension in _TEXT:
        text = _decoded(name, data)
    else:
        raise TaskError(f"{name} is not a supported kind of document.", "Give Markdown, text, PDF or HTML.")
    if not text.strip():
        raise TaskError(f"{name} holds no text.", _NO_TEXT_FIX.get(extension, "Give a document with text."))
    if len(text.encode("utf-8", "replace")) > MAX_TEXT_BYTES:
        raise TaskError(f"{name} holds more than 5 MB of text.", "Split it.")
    return Document(name=safe_name(name), text=text, note=note)


def safe_name(name: str) -> str:
    """Return a name that is safe for a file on every system: no path, no unusual characters, `.md` at the end."""
    stem = PurePath(name.replace("\\", "/")).name
    stem = stem.rsplit(".", 1)[0] if "." in stem[1:] else stem
    plain = "".join(c if c.isalnum() or c in "-_" else "-" for c in unicodedata.normalize("NFC", stem))
    short = re.sub(r"-{2,}", "-", plain).strip("-")[:80].encode()[:_MAX_STEM_BYTES].decode("utf-8", "ignore")
    return (short.rstrip("-") or "document") + ".md"


def _declared(page: bytes) -> str:
    """Return the encoding that a page names in its head, as browsers read that name; empty if it names none."""
    from bs4.dammit import EncodingDetector

    named = (EncodingDetector.find_declared_encoding(page[:_HEAD_BYTES], is_html=True) or "").lower()
    try:
        codec = codecs.lookup(named.removesuffix("-i")).name
    except LookupError:
        return ""
    codec = _AS_BROWSERS.get(codec, codec)
    return codec if codec.startswith(_OF_PAGES) else ""


def _decoded(name: str, data: bytes, declared: str = "") -> str:
    """Decode a document; what it declares itself counts where nothing else tells the encoding."""
    try:
        encoding = detect_encoding(name, data)
        if encoding.guessed and declared:
            with suppress(UnicodeError, LookupError):
                return data.decode(declared)
        return data.decode(encoding.codec)
    except TableError as error:
        raise TaskError(error.what, _NOT_TEXT_FIX) from error
    except UnicodeDecodeError as error:
        raise TaskError(undecodable(name, data, encoding.codec).what, _NOT_TEXT_FIX) from error


def _html(markup: str) -> str:
    from bs4 import BeautifulSoup
    from markdownify import markdownify  # type: ignore[import-untyped]

    soup: Any = BeautifulSoup(markup, "html.parser")
    for element in soup(list(_NOT_SHOWN)):
        element.decompose()
    try:
        text = str(markdownify(str(soup), heading_style="ATX", strip=["a", "img"], escape_misc=False))
    except RecursionError:  # nested deeper than any page is
        text = soup.get_text("\n")
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _note_on(pages: list[str]) -> str:
    """Say how many pages of a PDF hold no text, where some do and some do not."""
    empty = sum(not page for page in pages)
    if empty in {0, len(pages)}:
        return ""
    verb = "holds" if empty == 1 else "hold"
    return f"{empty:,} of {say.counted(len(pages), 'page')} {verb} no text; scanned pages need text recognition first."


def _pdf(name: str, data: bytes) -> list[str]:
    """Return the text of each page."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    locked = TaskError(f"{name} is encrypted.", "Save it without a password or protection.")
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise locked
        if len(reader.pages) > MAX_PAGES:
            raise TaskError(f"{name} has {len(reader.pages):,} pages.", f"Split it: at most {MAX_PAGES:,} are read.")
        pages = [page.extract_text().strip() for page in reader.pages]
    except DependencyError as error:  # AES, for which pypdf needs another library
        raise locked from error
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError) as error:
        # pypdf fails on broken files in many ways; none of them is a bug of ours.
        raise TaskError(f"{name} cannot be read as a PDF.", "Save it as PDF again.") from error
    return [page.encode("utf-8", "replace").decode() for page in pages]
