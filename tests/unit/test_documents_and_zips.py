"""Documents and packed tasks from outside: text comes out, and nothing gets in that does not belong."""

from __future__ import annotations

import io
import shutil
import struct
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import pytest

from adapters import archives
from adapters.documents import read_document, safe_name
from adapters.storage.task_folder import read_task
from adapters.storage.task_zip import pack_folder, unpack_into
from engine.core.errors import TaskError

TASKS = Path(__file__).resolve().parents[2] / "data" / "tasks"


def pdf(*texts: str) -> bytes:
    """Write a PDF by hand, a page for each text."""
    pages = range(4, 4 + 2 * len(texts), 2)
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    kids = b" ".join(b"%d 0 R" % page for page in pages)
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(texts)),
        font,
    ]
    for page, text in zip(pages, texts, strict=True):
        stream = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode()
        parts += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (page + 1),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        ]
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, 2)
    places = []
    for number, part in enumerate(parts, start=1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, part))
    start, size = out.tell(), len(parts) + 1
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % size + b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (size, start))
    return out.getvalue()


def test_each_kind_of_document_gives_its_text() -> None:
    """Markdown and text stay as they are; HTML keeps headings and loses scripts, links and images; PDF gives its words."""
    assert read_document("a b.md", b"# T\n<b>x</b>\r\n").text == "# T\n<b>x</b>\r\n"
    assert read_document("notes.txt", "café".encode("latin-1")).text == "café"
    page = (
        b"<html><head><title>no</title></head><body><h2>Leave</h2><p>25 days <a href='javascript:x'>here</a></p>"
        b"<script>alert(1)</script><img src=x onerror=alert(1)></body></html>"
    )
    text = read_document("page.html", page).text
    assert "## Leave" in text
    assert "25 days here" in text
    assert not any(word in text for word in ("alert", "javascript", "title"))
    assert read_document("scan.pdf", pdf("Hello handbook")).text.strip() == "Hello handbook"


def test_a_page_within_a_form_is_kept() -> None:
    """Servers that put the whole page into one form lose nothing of it but its controls."""
    page = (
        b"<html><body><form method='post' id='aspnetForm'><input type='hidden' name='__VIEWSTATE' value='dDwt'>"
        b"<h1>Returns</h1><p>Send it back in 14 days.</p><select><option>Germany</option></select>"
        b"<textarea>your words</textarea><button>Send</button></form></body></html>"
    )
    assert read_document("page.html", page).text == "# Returns\n\nSend it back in 14 days.\n"


def test_bytes_that_are_no_text_say_which_documents_are() -> None:
    """A document is no table: what to give instead is a kind of document."""
    for data in (bytes(range(256)) * 9, b"Gr\xc3\xbc\xc3\x9fe " * 20 + b"\xfc"):
        with pytest.raises(TaskError) as caught:
            read_document("a.txt", data)
        assert "PDF or HTML" in caught.value.fix
        assert "XLSX" not in caught.value.fix


def test_pages_of_a_pdf_without_text_are_counted() -> None:
    """Where all have text, nothing is said."""
    assert read_document("a.pdf", pdf("one", "two")).note == ""
    mixed = read_document("a.pdf", pdf("one", "", "two"))
    assert mixed.note.startswith("1 of 3 pages holds no text")
    assert mixed.text == "one\n\ntwo\n"


@pytest.mark.parametrize(
    ("words", "declared", "codec"),
    [
        ("คืนสินค้าภายใน 14 วัน", "tis-620", "cp874"),
        ("إرجاع المنتج", "windows-1256", "cp1256"),
        ("Возврат товара", "windows-1251", "cp1251"),
        ("Ra’ng – “ok”", "iso-8859-1", "cp1252"),
        ("Trả lại", "windows-1258", "cp1258"),
        ("반품은 14일", "euc-kr", "cp949"),
        ("Rückgabe in 14 Tagen", "windows-1251", "utf-8"),
        ("Rückgabe in 14 Tagen", "no-such-thing", "cp1252"),
        ("Rückgabe in 14 Tagen", "utf-16", "cp1252"),
        ("Rückgabe in 14 Tagen", "raw_unicode_escape", "cp1252"),
    ],
)
def test_a_page_is_read_as_it_says(words: str, declared: str, codec: str) -> None:
    """What a page's head declares counts where its bytes do not tell; what is UTF-8 is that, whatever is declared."""
    words = (
        unicodedata.normalize("NFC", words)
        if codec != "cp1258"
        else words.translate({0x1EA3: "a\u0309", 0x1EA1: "a\u0323"})
    )
    page = f"<html><head><meta charset='{declared}'></head><body><p>{words}</p></body></html>".encode(codec)
    assert read_document("page.html", page).text == f"{words}\n"


def protected(version: int, revision: int, method: str) -> bytes:
    """Write a PDF that is encrypted by AES."""
    size = 48 if revision > 4 else 32
    keys = b" ".join(b"/%s <%s>" % (key, b"5a" * size) for key in (b"O", b"U")) + b" ".join(
        b" /%s <%s>" % (key, b"5a" * length) for key, length in ((b"OE", 32), (b"UE", 32), (b"Perms", 16))
    )
    words = (
        b"/ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>] /Encrypt << /Filter /Standard /V %d "
        b"/R %d /Length %d /P -4 /CF << /StdCF << /AuthEvent /DocOpen /CFM /%s >> >> /StmF /StdCF /StrF /StdCF %s >>"
        % (version, revision, 256 if revision > 4 else 128, method.encode(), keys)
    )
    return pdf("secret").replace(b"trailer << ", b"trailer << " + words + b" ")


@pytest.mark.parametrize(("version", "revision", "method"), [(5, 6, "AESV3"), (5, 5, "AESV3"), (4, 4, "AESV2")])
def test_a_protected_pdf_is_told_as_one(version: int, revision: int, method: str) -> None:
    """Whatever it is encrypted with, also where reading it would take a library that is not there."""
    with pytest.raises(TaskError, match="is encrypted") as caught:
        read_document("a.pdf", protected(version, revision, method))
    assert "password or protection" in caught.value.fix


@pytest.mark.parametrize(
    ("name", "data", "fix"),
    [
        ("a.pdf", pdf(""), "scanned PDF"),
        ("scan", pdf(""), "scanned PDF"),
        ("a.html", b"<div id='app'></div><script>draw()</script>", "what the browser shows"),
        ("a.txt", b"\n", "a document with text"),
    ],
)
def test_what_to_do_about_a_document_without_text_fits_its_kind(name: str, data: bytes, fix: str) -> None:
    """Only a PDF may be a scan."""
    with pytest.raises(TaskError, match="holds no text") as caught:
        read_document(name, data)
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.docx", b"PK", "not a supported kind of document"),
        ("a.txt", b" \n", "holds no text"),
        ("a.pdf", b"%PDF-1.4 broken", "cannot be read as a PDF"),
        ("a.pdf", pdf(""), "holds no text"),
        ("a.txt", b"x" * 5_000_001, "more than 5 MB"),
        ("a.txt", bytes(range(256)) * 9, "not text"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_faults_of_documents_say_what_and_fix(name: str, data: bytes, words: str) -> None:
    """A broken, empty or unknown document is refused with a fix."""
    with pytest.raises(TaskError) as caught:
        read_document(name, data)
    assert words in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("name", "safe"),
    [("../../etc/passwd", "passwd.md"), ("C:\\x\\My file.txt", "My-file.md"), ("..", "document.md"), ("<b>.md", "b.md"),
     ("a\0b.md", "a-b.md"), (".hidden", "hidden.md"), ("Über.pdf", "Über.md"), ("CON?.html", "CON.md")],
)  # fmt: skip
def test_names_of_documents_become_safe(name: str, safe: str) -> None:
    """No path, no odd sign and no other ending comes through."""
    assert safe_name(name) == safe


def test_a_packed_task_is_the_same_elsewhere(tmp_path: Path) -> None:
    """Packing leaves stray files out, is the same each time, and unpacking gives the task back."""
    folder = tmp_path / "policy-qa"
    shutil.copytree(TASKS / "policy-qa", folder)
    (folder / "secret.env").write_text("x")
    (folder / ".hidden.json").write_text("{}")
    data = pack_folder(folder)
    assert data == pack_folder(folder)
    unpack_into("t.zip", data, tmp_path / "out")
    assert read_task(tmp_path / "out").digest == read_task(folder).digest
    assert not list((tmp_path / "out").rglob("*.env"))


def test_packed_files_can_be_read_by_all() -> None:
    """With a date the same files make the same archive, else they are dated now; whoever unpacks it may read them."""
    files = {"a/one.txt": b"1" * 999, "two.txt": b"2"}
    data = archives.packed(files.items(), date=archives.EARLIEST)
    assert data == archives.packed(dict(files).items(), date=archives.EARLIEST)
    with zipfile.ZipFile(io.BytesIO(archives.packed(files.items()))) as archive:
        assert all(info.date_time > archives.EARLIEST for info in archive.infolist())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {info.filename: archive.read(info) for info in archive.infolist()} == files
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o644}


def packed(entries: dict[str, bytes]) -> bytes:
    """Pack entries under any names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"../task.toml": b"x"}, "unsafe path"),
        ({"t/task.toml": b"x", "t/../../evil.md": b"x"}, "unsafe path"),
        ({"/etc/task.toml": b"x"}, "unsafe path"),
        ({"t\\..\\task.toml": b"x"}, "unsafe path"),
        ({"C:/task.toml": b"x"}, "unsafe path"),
        ({"t/task.toml": b"x", "t/run.py": b"x"}, "not part of a task"),
        ({"t/task.toml": b"x", "t/documents/x/deep.md": b"x"}, "not part of a task"),
        ({"t/task.toml": b"x", "t/.git.json": b"x"}, "not part of a task"),
        ({"t/task.toml": b"x", "other/a.md": b"x"}, "beside the task"),
        ({"a/task.toml": b"x", "b/task.toml": b"x"}, "2 files 'task.toml'"),
        ({"a.txt": b"x"}, "0 files 'task.toml'"),
        ({"t/task.toml": b"x", "T/TASK.toml": b"x"}, "twice"),
        ({"t/task.toml": b"x", "t/examples.jsonl": b"0" * 30_000_000}, "was not unpacked"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_archives_that_lead_elsewhere_or_swell_are_refused(
    tmp_path: Path, entries: dict[str, bytes], words: str
) -> None:
    """Paths out of the folder, files that are not part of a task, and bombs are refused before a byte is written."""
    with pytest.raises(TaskError) as caught:
        unpack_into("t.zip", packed(entries), tmp_path / "out")
    assert words in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == []


def test_links_lies_and_damage_are_refused(tmp_path: Path) -> None:
    """A symbolic link, an entry that is larger than it says, and a broken archive are refused."""
    link = zipfile.ZipInfo("t/task.toml")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    liar = packed({"t/task.toml": b"0" * 100_000}).replace(struct.pack("<I", 100_000), struct.pack("<I", 10))
    for data, words in (
        (buffer.getvalue(), "unsafe path"),
        (liar, "has a wrong size"),
        (b"PK\x03\x04", "broken"),
    ):
        with pytest.raises(TaskError, match=words):
            unpack_into("t.zip", data, tmp_path / "out")


@pytest.mark.parametrize("mark", ["cut short", "patched", "strongly encrypted"])
def test_entries_that_cannot_be_read_are_told(tmp_path: Path, mark: str) -> None:
    """Packed bytes that end too early and packing of rare kinds are refused with a fix, never with a traceback."""
    data = bytearray(packed({"t/task.toml": bytes(range(256)) * 40}))
    entry = data.index(b"PK\x01\x02")
    if mark == "cut short":
        for place in (18, entry + 20):  # the packed size, in the entry's own header and in the list of entries
            data[place] -= 5
    else:
        for place in (6, entry + 8):  # the flags
            data[place] |= {"patched": 0x20, "strongly encrypted": 0x40}[mark]
    with pytest.raises(TaskError) as caught:
        unpack_into("t.zip", bytes(data), tmp_path / "out")
    assert caught.value.fix


def test_a_zip_of_many_documents_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its directory is read once to check it and once to unpack it, not once for each of 2,000 documents."""
    opened: list[int] = []
    before = zipfile.ZipFile.__init__

    def counted(self: zipfile.ZipFile, *arguments: Any, **more: Any) -> None:
        opened.append(1)
        before(self, *arguments, **more)

    parts = {"task.toml": b"x", **{f"documents/{n}.md": b"text" for n in range(2_000)}}
    data = packed(parts)
    monkeypatch.setattr(zipfile.ZipFile, "__init__", counted)
    unpack_into("many.zip", data, tmp_path)
    assert len(list(tmp_path.rglob("*.md"))) == 2_000
    assert len(opened) == 2


@pytest.mark.parametrize("name", ["documents/" + "x" * 300 + ".md", "./documents/x.md", "documents//x.md", "a/./x.md"])
def test_names_that_no_folder_takes_are_refused(tmp_path: Path, name: str) -> None:
    """A name of 300 letters, and paths that are not written as they are: one error, and nothing is written."""
    with pytest.raises(TaskError, match="unsafe path"):
        unpack_into("odd.zip", packed({"task.toml": b"x", name: b"text"}), tmp_path)
    assert not list(tmp_path.iterdir())
