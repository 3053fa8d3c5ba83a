"""Zip archives: packed, and those from outside checked before anything is unpacked."""

from __future__ import annotations

import io
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath

from engine.core.errors import TaskError
from engine.metrics import wording as say

MAX_UNPACKED_BYTES = 600_000_000
MAX_RATIO = 200
"""Unpacked over packed bytes. Real spreadsheets reach 10 to 30."""
RATIO_FROM_BYTES = 20_000_000
"""Below this size, unpacked, a high ratio is harmless."""
MAX_ENTRIES = 10_000
MAX_NAME_BYTES = 200
"""Of a file or folder: below what file systems take, so that a hidden name beside it has room."""
_STEP = 1 << 20
_AGAIN = "Pack or download the archive again."
_ENCRYPTED = 0x1
_LINK = 0o120000
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip can store."""
_MODE = 0o644


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A file in an archive, by its checked path, with its size unpacked."""

    path: PurePosixPath
    size_bytes: int


def packed(files: Iterable[tuple[str, bytes]], *, date: tuple[int, int, int, int, int, int] | None = None) -> bytes:
    """Pack files by their paths, one at a time.

    They are dated now; with a fixed date the same files in the same order give the same bytes.
    """
    date = date or time.localtime()[:6]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files:
            entry = zipfile.ZipInfo(path, date_time=date)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _MODE << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def checked_entries(name: str, data: bytes, *, most_bytes: int = MAX_UNPACKED_BYTES) -> list[Entry]:
    """Check an archive: paths, links, declared and actual sizes.

    The actual sizes are found by inflating without keeping the result, a megabyte at a time.

    Args:
        name: of the archive, for errors.
        data: the archive.
        most_bytes: that all entries together may have, unpacked.

    Raises:
        TaskError: it is broken, encrypted or a zip bomb, or an entry's path leads outside the archive's folder.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check_declared(name, len(data), infos, most_bytes)
            entries = [
                Entry(path=_checked_path(name, info), size_bytes=info.file_size) for info in infos if not info.is_dir()
            ]
            _check_twice(name, entries)
            for info in infos:
                _check_true_size(name, data, info)
    except (zipfile.BadZipFile, zlib.error, ValueError, OverflowError, NotImplementedError, OSError) as error:
        raise TaskError(f"{name} is a broken archive ({error}).", "Save or download it again.") from error
    return entries


def read_entry(data: bytes, path: str) -> bytes:
    """Read one entry of an archive that was checked.

    Raises:
        TaskError: its content is damaged.
    """
    return next(content for _, content in read_entries(data, [path]))


def read_entries(data: bytes, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Read entries of an archive that was checked, one by one; its directory is read once.

    Raises:
        TaskError: the content of an entry is damaged.
    """
    path = ""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for path in paths:
                yield path, archive.read(path)
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, RuntimeError, OSError) as error:
        raise TaskError(f"The entry '{path}' is damaged ({error}).", _AGAIN) from error


def entry_lines(data: bytes, path: str, *, most_bytes: int) -> Iterator[str]:
    """Read an entry of an archive that was checked line by line, without holding it whole.

    Raises:
        TaskError: its content is damaged, is not UTF-8, or a line has more than `most_bytes`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(path) as entry:
            while line := entry.readline(most_bytes + 1):
                if len(line) > most_bytes:
                    raise TaskError(
                        f"The entry '{path}' has a line of more than {say.size(most_bytes)}.",
                        _AGAIN,
                    )
                yield line.decode("utf-8")
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, RuntimeError, OSError) as error:
        raise TaskError(f"The entry '{path}' is damaged ({error}).", _AGAIN) from error


def _check_declared(name: str, packed: int, infos: list[zipfile.ZipInfo], most_bytes: int) -> None:
    if len(infos) > MAX_ENTRIES:
        raise TaskError(f"{name} holds {len(infos):,} entries.", f"At most {MAX_ENTRIES:,} are read.")
    total = sum(info.file_size for info in infos)
    if total > most_bytes or (total > RATIO_FROM_BYTES and total > MAX_RATIO * packed):
        raise TaskError(
            f"{name} would unpack from {say.size(packed)} to {say.size(total)}; it was not unpacked.",
            "Give a smaller file, or a CSV.",
        )
    if any(info.flag_bits & _ENCRYPTED for info in infos):
        raise TaskError(f"{name} is encrypted.", "Save it without a password.")


def _checked_path(name: str, info: zipfile.ZipInfo) -> PurePosixPath:
    """Return the path of an entry; refuse one that would lead out of the folder it is unpacked to."""
    raw = info.orig_filename
    path = PurePosixPath(raw)
    too_long = any(len(part.encode("utf-8", "replace")) > MAX_NAME_BYTES for part in path.parts)
    odd = too_long or str(path) != raw.removesuffix("/")
    foreign = odd or "\\" in raw or "\0" in raw or PureWindowsPath(raw).drive or any(ord(sign) < 32 for sign in raw)
    if foreign or path.is_absolute() or ".." in path.parts or (info.external_attr >> 16) & 0o170000 == _LINK:
        raise TaskError(f"{name} has an entry with an unsafe path: {raw[:80]!r}.", _AGAIN)
    return path


def _check_twice(name: str, entries: list[Entry]) -> None:
    seen: set[str] = set()
    for entry in entries:
        key = str(entry.path).casefold()
        if key in seen:
            raise TaskError(f"{name} holds the entry '{entry.path}' twice.", "Pack it again.")
        seen.add(key)


def _check_true_size(name: str, data: bytes, info: zipfile.ZipInfo) -> None:
    """Inflate an entry without keeping it, and check that it does not exceed its declared size."""
    if info.compress_type == zipfile.ZIP_STORED:
        if info.compress_size != info.file_size:
            raise TaskError(f"{name}: the entry '{info.filename[:80]}' has a wrong size.", _AGAIN)
        return
    if info.compress_type != zipfile.ZIP_DEFLATED:
        raise TaskError(f"{name} uses a compression method that is not supported.", "Pack it with plain deflate.")
    start = _start_of(data, info)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    rest: bytes = data[start : start + info.compress_size]
    found = 0
    while rest and not inflater.eof:
        found += len(inflater.decompress(rest, _STEP))
        rest = inflater.unconsumed_tail
        if found > info.file_size:
            raise TaskError(f"{name}: the entry '{info.filename[:80]}' has a wrong size.", _AGAIN)


def _start_of(data: bytes, info: zipfile.ZipInfo) -> int:
    """Return where an entry's packed bytes begin: behind its local header of 30 bytes, its name and extra field."""
    head = info.header_offset
    if data[head : head + 4] != b"PK\x03\x04":
        message = f"no entry at byte {head}"
        raise zipfile.BadZipFile(message)
    name_size = int.from_bytes(data[head + 26 : head + 28], "little")
    extra_size = int.from_bytes(data[head + 28 : head + 30], "little")
    return head + 30 + name_size + extra_size
